import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { collectOutput } from '../../../src/inject/output.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { sshAvailable, startSshServer } from '../../servers/ssh-server.ts';
import { programsMissing } from '../build/samples.ts';
import { compileSyntheticTool, syntheticArtifact } from '../inject/synthetic-artifact.ts';
import { execSite } from './exec-site.ts';

describe('a tool goes through ssh', requireOrSkip((await sshAvailable()) ?? (await programsMissing('gcc'))), () => {
  /** Words that lead to a server, and a folder of it to place in. */
  async function host() {
    const server = await startSshServer();
    const folder = await mkdtemp(join(tmpdir(), 'ssh-site-'));
    const words = [join(server.programs, 'ssh'), '-p', String(server.port), `${server.user}@127.0.0.1`];
    return {
      words,
      folder,
      [Symbol.asyncDispose]: async () => {
        await server[Symbol.asyncDispose]();
        await rm(folder, { recursive: true });
      },
    };
  }

  test('without any quoting of what it gets, and its exit code 255 is told apart from that of ssh', async () => {
    await using at = await host();
    await using it = await execSite(at.words);
    const install = [`${at.folder}/in here`];
    const artifact = await syntheticArtifact({ program: await compileSyntheticTool(), ballast: 9_000_000 });
    const placed = await it.inject(artifact, { install });
    expect(placed).toMatchObject({ rung: 'exec-tar', readBack: 'exec' });
    expect(await readdir(`${at.folder}/in here`)).toEqual([placed.directory.split('/').at(-1)]);
    const odd = ['a  b', "it's", '$HOME', '`id`', 'x;y', '\\', '', 'line\nfeed'];
    const argv = ['/bin/sh', '-c', 'printf "%s|" "$@"; exit 255', 'sh', ...odd];
    const output = await collectOutput(await it.sandbox.exec({ argv, stdin: false }));
    expect(output).toEqual({ code: 255, stdout: odd.map((word) => `${word}|`).join(''), stderr: '' });
  });

  test('and a server that is not there, or a connection that is lost, is no answer of the tool', async () => {
    await using at = await host();
    const nowhere = at.words.map((word, index) => (at.words[index - 1] === '-p' ? '1' : word));
    await expect(execSite(nowhere)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await using it = await execSite(at.words);
    const argv = ['/bin/sh', '-c', 'echo begun; kill -9 $(cut -d " " -f 4 /proc/$PPID/stat); sleep 60'];
    const lost = collectOutput(await it.sandbox.exec({ argv, stdin: true }));
    await expect(lost).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});
