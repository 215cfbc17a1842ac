import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Client, s3Server } from '../../servers/s3.ts';
import { startServe } from '../../servers/serve.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { documentOf, toolcrib, type CliEnd } from '../cli/command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';

const s3 = requireOrSkip(await s3Available());
const KEYS = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };

const storeOf = (bucket: string): string =>
  `s3://${bucket}?region=us-east-1&endpoint=${s3Server.endpoint}&pathStyle=true`;

async function publish(store: string, env: Readonly<Record<string, string>>): Promise<CliEnd> {
  await using project = await scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores: [store] },
    'tool-version.txt': '1\n',
  });
  await project.write('binaries/demo-amd64-any-v1', elfFile({}));
  return await toolcrib(['publish', '--json'], { cwd: project.folder, env });
}

async function deny(bucket: string, ...actions: readonly string[]): Promise<void> {
  const client = s3Client();
  const resources = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
  const statement = { Effect: 'Deny', Principal: '*', Action: actions, Resource: resources };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  client.destroy();
}

async function allow(bucket: string): Promise<void> {
  const { DeleteBucketPolicyCommand } = await import('@aws-sdk/client-s3');
  const client = s3Client();
  await client.send(new DeleteBucketPolicyCommand({ Bucket: bucket }));
  client.destroy();
}

/** Exit 7 with what the store answered, what to do about it, and no secret. */
function expectRefusal(end: CliEnd, message: string, hint: string): void {
  expect(end.code, end.stdout + end.stderr).toBe(7);
  const said: unknown = expect.stringContaining(message);
  const advised: unknown = expect.stringContaining(hint);
  expect(documentOf(end)).toMatchObject({ error: { code: 'REMOTE_REFUSED', message: said, hint: advised } });
  expect(end.stdout + end.stderr).not.toContain(s3Server.secretAccessKey);
}

describe('publishing to S3', s3, () => {
  test('with a wrong secret says so', async () => {
    await using bucket = await freshBucket();
    const end = await publish(storeOf(bucket.name), { ...KEYS, AWS_SECRET_ACCESS_KEY: 'WRONG-SECRET' });
    expectRefusal(end, '403 SignatureDoesNotMatch', 'the secret access key is wrong');
    expect(end.stdout + end.stderr).not.toContain('WRONG-SECRET');
  });

  test('with a key that nobody knows says so', async () => {
    await using bucket = await freshBucket();
    const end = await publish(storeOf(bucket.name), { ...KEYS, AWS_ACCESS_KEY_ID: 'NOBODYKNOWS' });
    expectRefusal(end, '403 InvalidAccessKeyId', 'does not know these credentials');
  });

  test('without credentials says what to give', async () => {
    await using bucket = await freshBucket();
    const end = await publish(storeOf(bucket.name), { AWS_EC2_METADATA_DISABLED: 'true' });
    expectRefusal(end, 'no credentials', 'AWS_ACCESS_KEY_ID');
  });

  test('into a bucket that is not there says so', async () => {
    expectRefusal(await publish(storeOf('no-such-bucket-anywhere'), KEYS), '404 NoSuchBucket', 'create the bucket');
  });

  test.each(['s3:PutObject', 's3:ListBucket'])(
    'without the right to %s names the rights that it takes',
    async (right) => {
      await using bucket = await freshBucket();
      await deny(bucket.name, right);
      const end = await publish(storeOf(bucket.name), KEYS);
      await allow(bucket.name);
      expectRefusal(end, '403 AccessDenied', right);
    },
  );

  test('without the right to read says that it takes it, and does not call it a lost race', async () => {
    await using bucket = await freshBucket();
    await deny(bucket.name, 's3:GetObject');
    const end = await publish(storeOf(bucket.name), KEYS);
    await allow(bucket.name);
    expectRefusal(end, '403 AccessDenied: not there, or not for you', 's3:GetObject');
  });
});

describe('publishing to an HTTP store', () => {
  test.each([
    ['without a token', {}, 'set TOOLCRIB_HTTP_TOKEN'],
    ['with another token', { TOOLCRIB_HTTP_TOKEN: 'ANOTHER-TOKEN' }, 'does not take this TOOLCRIB_HTTP_TOKEN'],
  ])('%s says so', async (_, env, hint) => {
    await using server = await startServe();
    const end = await publish(server.url, {
      ...env,
      TOOLCRIB_HTTP_TOKEN_ORIGIN: `https://other.example ${server.url}`,
    });
    expectRefusal(end, 'answered 401', hint);
    expect(end.stdout + end.stderr).not.toContain('ANOTHER-TOKEN');
  });
});
