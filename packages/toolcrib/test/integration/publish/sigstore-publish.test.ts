import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { identityToken, ISSUER, startSigstore, SUBJECT, type SigstoreInstance } from '../../servers/sigstore.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { documentOf, toolcrib } from '../cli/command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

const BUNDLE = 'demo-amd64-any-v1.sigstore.json';

/** What a job of GitHub Actions finds in its environment, with a Sigstore of its own. */
const jobOf = ({ url }: SigstoreInstance): Record<string, string> => ({
  SIGSTORE_ID_TOKEN: identityToken(),
  TOOLCRIB_FULCIO_URL: url,
  TOOLCRIB_REKOR_URL: url,
  GITHUB_ACTIONS: 'true',
  GITHUB_ACTOR: 'octocat',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'acme/tools',
  GITHUB_RUN_ID: '42',
  GITHUB_RUN_ATTEMPT: '1',
  GITHUB_REF: 'refs/heads/main',
});

async function projectFor(sigstore: SigstoreInstance, subject = SUBJECT): Promise<ScratchProject> {
  const attestation = { require: true, identities: [{ issuer: ISSUER, subject }], trustedRoot: 'root.json' };
  const project = await scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores: ['file:a', 'file:b'], attestation },
    'tool-version.txt': '1\n',
  });
  await project.write('root.json', sigstore.trustedRoot);
  await project.write('binaries/demo-amd64-any-v1', elfFile({}));
  return project;
}

describe('publishing with --sign sigstore', () => {
  test('signs once for all stores, keeps that in a repeat, and satisfies the policy of a reader', async () => {
    await using sigstore = await startSigstore();
    await using project = await projectFor(sigstore);
    const job = { cwd: project.folder, env: jobOf(sigstore) };
    const first = await toolcrib(['publish', '--sign', 'sigstore', '--json'], job);
    expect(first, first.stdout + first.stderr).toMatchObject({ code: 0 });
    expect(documentOf(first)).toMatchObject({
      receipt: { actor: { name: 'octocat' }, files: [{ attestation: BUNDLE }] },
    });
    const bundles = await Promise.all(['a', 'b'].map((store) => readFile(join(project.folder, store, BUNDLE))));
    expect(bundles[0]).toEqual(bundles[1]);
    const asked = sigstore.answers.length;
    expect((await toolcrib(['publish', '--sign', 'sigstore'], job)).code).toBe(0);
    expect(sigstore.answers).toHaveLength(asked);
    const reader = await toolcrib(['resolve', '--target', 'amd64-any'], { cwd: project.folder });
    expect(reader, reader.stderr).toMatchObject({ code: 0 });
  });

  test('asks Sigstore for nothing in a dry run', async () => {
    await using sigstore = await startSigstore();
    await using project = await projectFor(sigstore);
    const job = { cwd: project.folder, env: jobOf(sigstore) };
    const end = await toolcrib(['publish', '--sign', 'sigstore', '--dry-run'], job);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(end.stdout).toMatch(new RegExp(`${BUNDLE} +would-create`));
    expect(sigstore.answers).toEqual([]);
  });

  test('as somebody whom the policy does not trust writes nothing: exit 5', async () => {
    await using sigstore = await startSigstore();
    await using project = await projectFor(sigstore, 'https://github.com/acme/other');
    const end = await toolcrib(['publish', '--sign', 'sigstore'], { cwd: project.folder, env: jobOf(sigstore) });
    expect(end, end.stdout).toMatchObject({ code: 5 });
    expect(await readdir(project.folder)).not.toContain('a');
  });
});
