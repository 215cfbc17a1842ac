import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { execFile } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parseReceipt } from '../../../src/core/receipt.ts';
import { OWNER_TOKEN, REPOSITORY as GITHUB_REPOSITORY } from '../../contract/store-github-client.ts';
import { startGithub } from '../../servers/github/github-server.ts';
import { registryAvailable, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Client, s3Server } from '../../servers/s3.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing, REPOSITORY } from '../build/samples.ts';
import { blocksOf, sectionOf, testedBlock } from './markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/publishing.md'), 'utf8');
const missing = (await programsMissing('cc', 'openssl')) ?? (await s3Available()) ?? (await registryAvailable());

/** Does what a part of the guide says; stores of other people are replaced by those of this machine. */
async function follow(
  reader: ScratchProject,
  heading: string,
  stores: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const said: string[] = [];
  for (const { file, language, text } of blocksOf(sectionOf(guide, heading))) {
    if (file !== undefined) await reader.write(file, text);
    if (language !== 'sh') continue;
    const named = Object.entries(stores).filter(([from]) => text.includes(from));
    if (text.includes('://') || text.includes('github:')) expect(named, text).toHaveLength(1);
    said.push(
      await run(
        reader,
        named.reduce((script, [from, to]) => script.replace(from, to), text),
        env,
      ),
    );
  }
  return said.join('');
}

async function run(reader: ScratchProject, script: string, more: Readonly<Record<string, string>>): Promise<string> {
  const { folder } = reader;
  await reader.write('bin/toolcrib', `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(folder, 'bin/toolcrib'), 0o755);
  const env = { ...cliEnvironment(folder, more), PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` };
  return (await promisify(execFile)('/bin/sh', ['-e', '-c', script], { cwd: folder, env })).stdout;
}

/** Forbids everything with objects of a bucket that the guide's policy does not allow. */
async function applyPolicy(bucket: string): Promise<void> {
  const { Statement } = JSON.parse(testedBlock(guide, 'policy')) as { Statement: { Action: string | string[] }[] };
  const NotAction = Statement.flatMap(({ Action }) => Action).filter((action) => action.endsWith('Object'));
  const Resource = `arn:aws:s3:::${bucket}/*`;
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Deny', Principal: '*', NotAction, Resource }],
  });
  const client = s3Client();
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  client.destroy();
}

async function dropPolicy(bucket: string): Promise<void> {
  const { DeleteBucketPolicyCommand } = await import('@aws-sdk/client-s3');
  const client = s3Client();
  await client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
  client.destroy();
}

const HEADINGS = ['A first release', 'Several stores, and a receipt', 'Signed', 'What is written when', 'Stores'];

describe('the guide to publishing', requireOrSkip(missing), () => {
  test('leads from an empty folder to signed releases in stores of every kind', async () => {
    await using reader = await scratchProject();
    const first = await follow(reader, 'A first release');
    expect(first).toContain('file:./store: my-tool v1 would be published');
    expect(first).toContain('file:./store: my-tool v1 is published');
    expect(first).toContain('my-tool-amd64-any-v1: OK\n');

    const several = await follow(reader, 'Several stores, and a receipt');
    expect(several).toContain('file:./store: my-tool v1 was published before');
    expect(several).toContain('file:./backup: my-tool v1 is published');
    const receipt = parseReceipt(await readFile(join(reader.folder, 'receipt.json'), 'utf8'), 'receipt.json');
    expect(receipt.stores.map(({ outcome }) => outcome)).toEqual(['already-published', 'published']);

    expect(await follow(reader, 'Signed')).toContain('my-tool-amd64-any-v1.dsse.json\n');
    expect(await follow(reader, 'What is written when')).toContain('file:./store: published: v1\n');

    await using bucket = await freshBucket();
    await using registry = await startRegistry();
    await using github = await startGithub({
      repositories: [{ name: GITHUB_REPOSITORY, private: false }],
      tokens: { [OWNER_TOKEN]: 'write' },
    });
    await applyPolicy(bucket.name);
    const s3 = `s3://${bucket.name}/tools?region=us-east-1&endpoint=${s3Server.endpoint}&pathStyle=true`;
    const stores = {
      's3://my-bucket/tools?region=eu-north-1': s3,
      'github:OWNER/REPO': `github:${GITHUB_REPOSITORY}?endpoint=${github.endpoint}`,
      'oci://images.example.org/team/my-tool': `oci://${registry.host}/team/my-tool`,
    };
    const published = await follow(reader, 'Stores', stores, {
      AWS_ACCESS_KEY_ID: s3Server.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey,
      TOOLCRIB_GITHUB_TOKEN: OWNER_TOKEN,
      GITHUB_SERVER_URL: github.endpoint,
    });
    await dropPolicy(bucket.name);
    for (const store of Object.values(stores)) expect(published).toContain(`${store}: my-tool v1 is published`);
  });

  test('has no shell block that these tests do not run', () => {
    const ofShell = (markdown: string) => blocksOf(markdown).filter(({ language }) => language === 'sh');
    expect(HEADINGS.flatMap((heading) => ofShell(sectionOf(guide, heading)))).toEqual(ofShell(guide));
  });
});
