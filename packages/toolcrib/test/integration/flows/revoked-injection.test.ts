import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { newSigner, revocationsFor } from '../cli/attested-project.ts';
import { documentOf, toolcrib } from '../cli/command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing } from '../build/samples.ts';
import { sandboxToolsProject } from './sandbox-tools.ts';

test(
  'what was revoked after it was injected is neither injected again nor run',
  requireOrSkip(await programsMissing('apt-get', 'dpkg-deb', 'npm')),
  async () => {
    const tools = await sandboxToolsProject();
    const config = JSON.parse(await readFile(join(tools.folder, 'toolcrib.json'), 'utf8')) as object;
    const signer = newSigner();
    await using project = await scratchProject({
      'toolcrib.json': {
        ...config,
        binaries: join(tools.folder, 'binaries'),
        attestation: { publicKeys: ['release.pub'] },
      },
      'release.pub': signer.publicKey,
      'sandbox/empty': '',
    });
    for (const file of ['tool-version.txt', 'SHA256SUMS']) {
      await cp(join(tools.folder, file), join(project.folder, file));
    }
    const run = (...args: readonly string[]) => toolcrib(args, { cwd: project.folder });
    expect(await run('inject', 'local:sandbox')).toMatchObject({ code: 0 });
    const reason = 'it leaks memory of the host';
    await project.write(
      'sandbox-tools.revoked.json',
      revocationsFor('sandbox-tools', signer, [{ version: tools.version, reason }]),
    );
    const again = await run('--json', 'inject', 'local:sandbox');
    expect(again.code).toBe(5);
    expect(documentOf(again)).toMatchObject({ error: { code: 'REVOKED' } });
    const started = await run('exec', 'local:sandbox', '--', 'version');
    expect(started).toMatchObject({ code: 125, stdout: '', stderr: expect.stringContaining(reason) as unknown });
  },
);
