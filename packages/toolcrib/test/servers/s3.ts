import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { parseEnv } from 'node:util';

/** Where the S3 server (Ceph RGW) answers, and the keys of the one user it has. */
export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

function readServer(): S3Server {
  const defaults = parseEnv(readFileSync(new URL('../../../../scripts/servers/s3.env', import.meta.url), 'utf8'));
  const setting = (name: string): string => {
    const value = process.env[name] ?? defaults[name];
    if (value === undefined) throw new Error(`${name} is neither set nor in scripts/servers/s3.env`);
    return value;
  };
  return {
    endpoint: setting('TOOLCRIB_TEST_S3_ENDPOINT'),
    region: setting('TOOLCRIB_TEST_S3_REGION'),
    accessKeyId: setting('TOOLCRIB_TEST_S3_ACCESS_KEY'),
    secretAccessKey: setting('TOOLCRIB_TEST_S3_SECRET_KEY'),
  };
}

/** The settings that `scripts/servers/s3` starts the server with. */
export const s3Server: S3Server = readServer();

/** A client of its own for a test's set-up and its second look; the caller destroys it. */
export function s3Client(): S3Client {
  return new S3Client({
    endpoint: s3Server.endpoint,
    region: s3Server.region,
    credentials: s3Server,
    forcePathStyle: true,
    // RGW 16 answers 411 to the trailing checksums that the SDK sends by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** Why tests of S3 cannot run here, or `undefined` when they can. */
export async function s3Available(): Promise<string | undefined> {
  try {
    await fetch(s3Server.endpoint, { signal: AbortSignal.timeout(5_000) });
    return undefined;
  } catch {
    return `no S3 server answers at ${s3Server.endpoint} (scripts/setup starts one)`;
  }
}

/** A bucket of its own for one test, removed with all it holds at the end of its `await using` scope. */
export interface Bucket extends AsyncDisposable {
  readonly name: string;
  /** `<endpoint>/<name>`: where anonymous readers find its objects. */
  readonly url: string;
}

const publicReadPolicy = (bucket: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` }],
  });

/** Deletes one page of object versions; resolves with whether there was any. */
async function deleteSomeObjects(client: S3Client, bucket: string): Promise<boolean> {
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  const objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
  if (objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects } }));
  return objects.length > 0;
}

async function removeBucket(name: string): Promise<void> {
  const client = s3Client();
  try {
    while (await deleteSomeObjects(client, name));
    await client.send(new DeleteBucketCommand({ Bucket: name }));
  } finally {
    client.destroy();
  }
}

/** Makes an empty, unversioned bucket. With `publicRead` anybody may get its objects, by a bucket policy. */
export async function freshBucket({ publicRead = false }: { readonly publicRead?: boolean } = {}): Promise<Bucket> {
  const name = `test-${randomUUID()}`;
  const client = s3Client();
  try {
    await client.send(new CreateBucketCommand({ Bucket: name }));
    if (publicRead) await client.send(new PutBucketPolicyCommand({ Bucket: name, Policy: publicReadPolicy(name) }));
  } finally {
    client.destroy();
  }
  return { name, url: `${s3Server.endpoint}/${name}`, [Symbol.asyncDispose]: () => removeBucket(name) };
}
