import { rm } from 'node:fs/promises';
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Client, s3Server } from '../../servers/s3.ts';
import { documentOf, toolcrib, type CliEnd } from '../cli/command-line.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

const KEYS = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };
const NO_KEYS = { AWS_EC2_METADATA_DISABLED: 'true' };
const ARTIFACT = 'demo-amd64-any-v1';

const storeOf = (bucket: string): string =>
  `s3://${bucket}?region=us-east-1&endpoint=${s3Server.endpoint}&pathStyle=true`;

async function setPolicy(bucket: string, ...statements: readonly object[]): Promise<void> {
  const client = s3Client();
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  client.destroy();
}

const everybody = (effect: 'Allow' | 'Deny', bucket: string): object => ({
  Effect: effect,
  Principal: '*',
  Action: 's3:GetObject',
  Resource: `arn:aws:s3:::${bucket}/*`,
});

/** A project whose release is in a bucket, and nowhere here. */
async function publishedProject(bucket: string): Promise<ScratchProject> {
  const project = await scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores: [storeOf(bucket)] },
    'tool-version.txt': '1\n',
  });
  await project.write(`binaries/${ARTIFACT}`, elfFile({}));
  const end = await toolcrib(['publish', '--json'], { cwd: project.folder, env: KEYS });
  expect(end.code, end.stdout + end.stderr).toBe(0);
  await rm(`${project.folder}/binaries/${ARTIFACT}`);
  return project;
}

function expectDenied(end: CliEnd): void {
  expect(end.code, end.stdout + end.stderr).toBe(7);
  expect(end.stdout).toContain('403 AccessDenied: not there, or not for you');
  expect(end.stdout).toMatch(/s3:GetObject|credentials/);
}

describe('what is denied in S3', requireOrSkip(await s3Available()), () => {
  test('is not called missing by whatever reads it, with credentials and without', async () => {
    await using bucket = await freshBucket();
    await using project = await publishedProject(bucket.name);
    const run = (args: readonly string[], env: Readonly<Record<string, string>>): Promise<CliEnd> =>
      toolcrib(['--json', ...args], { cwd: project.folder, env });
    const commands = [
      ['mirror', storeOf(bucket.name), 'file:./copy'],
      ['bundle', 'create', '-o', 'demo.tar'],
      ['resolve', '--target', 'amd64-any'],
      ['fetch', '--all'],
    ];
    await setPolicy(bucket.name, everybody('Deny', bucket.name));
    const ends = await Promise.all(commands.flatMap((args) => [run(args, NO_KEYS), run(args, KEYS)]));
    // Everybody may read, and nobody list: what a release can be without is taken for missing.
    await setPolicy(bucket.name, everybody('Allow', bucket.name));
    ends.forEach(expectDenied);
    for (const args of commands) {
      const end = await run(args, NO_KEYS);
      expect(end.code, end.stdout + end.stderr).toBe(0);
    }
  });

  test('is told with the rights that it takes; who may list is told what is missing', async () => {
    await using bucket = await freshBucket();
    await using project = await publishedProject(bucket.name);
    const { folder: cwd } = project;
    const args = ['--json', 'mirror', '--version', '7', storeOf(bucket.name), 'file:./copy'];
    const refused = documentOf(await toolcrib(args, { cwd, env: NO_KEYS }));
    const hint: unknown = expect.stringMatching(/s3:GetObject.*s3:ListBucket/);
    expect(refused).toMatchObject({ error: { code: 'REMOTE_REFUSED', hint } });
    expect(documentOf(await toolcrib(args, { cwd, env: KEYS }))).toMatchObject({ error: { code: 'NOT_FOUND' } });
  });

  test('is a problem in the status, not a place that has nothing', async () => {
    await using bucket = await freshBucket();
    await using project = await publishedProject(bucket.name);
    const end = await toolcrib(['--json', 'status'], { cwd: project.folder, env: NO_KEYS });
    expect(end.code, end.stderr).toBe(0);
    const problem: unknown = expect.stringContaining('not there, or not for you');
    expect(documentOf(end)).toMatchObject({ targets: [{ tier: null, problem }] });
  });
});
