import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { s3Settings, serveFolder, target, writeProject } from '../lab.mjs';
import { measure, run, shell } from '../measure.mjs';
import { startRegistry } from '../registry.mjs';
import { row } from '../row.mjs';

/** A fresh machine gets the artifact: downloaded, verified, in the cache. */
export async function download(lab) {
  const server = await serveFolder(join(lab.place, 'store'));
  try {
    return [...overHttp(lab, server.url), ...(await overS3(lab))];
  } finally {
    server.end();
  }
}

function overHttp(lab, base) {
  writeProject(lab.place, [`s3://bench?endpoint=${base}&pathStyle=true&region=us-east-1`]);
  const times = measure([ours(lab), curl(lab, `${base}/bench/${lab.artifact}`)], 9);
  return [beside('download over HTTP', times, 'curl', CURL, 1.5)];
}

async function overS3(lab) {
  const bucket = await publishToS3(lab);
  const s3 = s3Settings();
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: s3.TOOLCRIB_TEST_S3_ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: s3.TOOLCRIB_TEST_S3_SECRET_KEY,
    AWS_DEFAULT_REGION: s3.TOOLCRIB_TEST_S3_REGION,
  };
  const aws = {
    name: 'aws',
    run: () =>
      run(
        '/usr/bin/aws',
        [
          '--endpoint-url',
          s3.TOOLCRIB_TEST_S3_ENDPOINT,
          's3',
          'cp',
          '--only-show-errors',
          `s3://${bucket}/${lab.artifact}`,
          join(lab.place, 'copy'),
        ],
        { env },
      ),
  };
  const times = measure([ours(lab), curl(lab, `${s3.TOOLCRIB_TEST_S3_ENDPOINT}/${bucket}/${lab.artifact}`), aws], 9);
  return [
    beside('download from S3', times, 'curl', CURL, 1.5),
    beside('download from S3', times, 'aws', '`aws s3 cp`, which verifies nothing', 0.5),
  ];
}

/** The same from a registry. What each leaves is the artifact's bytes, compared with their digest. */
export async function downloadFromRegistry(lab) {
  const registry = await startRegistry(lab.place);
  try {
    publish(lab, `oci://${registry.host}/bench`);
    const digest = createHash('sha256').update(readFileSync(lab.file)).digest('hex');
    const source = `docker://${registry.host}/bench:v1`;
    const skopeo = {
      name: 'skopeo',
      prepare: () => shell('rm -rf copied', { cwd: lab.place }),
      run: () => run('skopeo', ['copy', '--quiet', '--src-tls-verify=false', source, 'dir:copied'], { cwd: lab.place }),
    };
    const blob = `http://${registry.host}/v2/bench/blobs/sha256:${digest}`;
    const times = measure([ours(lab), curl(lab, blob), skopeo], 9);
    return [
      beside('download from a registry', times, 'curl', CURL, 1.5),
      beside('download from a registry', times, 'skopeo', '`skopeo copy`', 1),
    ];
  } finally {
    registry.end();
  }
}

const CURL = '`curl -o F URL && openssl dgst -sha256 F`';

function beside(work, times, name, peerName, most) {
  return row({ work, ours: times.get('ours'), peerName, peer: times.get(name), most });
}

const ours = (lab) => ({ name: 'ours', prepare: lab.forget, run: () => lab.toolcrib('resolve', '--target', target) });

const curl = (lab, url) => ({
  name: 'curl',
  run: () => shell(`curl -sf -o copy ${url} && openssl dgst -sha256 copy`, { cwd: lab.place }),
});

async function publishToS3(lab) {
  const s3 = s3Settings();
  const bucket = `bench-${process.pid}`;
  const credentials = { accessKeyId: s3.TOOLCRIB_TEST_S3_ACCESS_KEY, secretAccessKey: s3.TOOLCRIB_TEST_S3_SECRET_KEY };
  const client = new S3Client({
    endpoint: s3.TOOLCRIB_TEST_S3_ENDPOINT,
    region: s3.TOOLCRIB_TEST_S3_REGION,
    forcePathStyle: true,
    credentials,
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  const url = `s3://${bucket}?endpoint=${s3.TOOLCRIB_TEST_S3_ENDPOINT}&pathStyle=true&region=${s3.TOOLCRIB_TEST_S3_REGION}&acl=public-read`;
  lab.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId;
  lab.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey;
  publish(lab, url);
  return bucket;
}

/** Makes a store the only one of the project, and publishes to it. */
function publish(lab, url) {
  writeProject(lab.place, [url]);
  shell(`mkdir -p binaries && cp store/${lab.artifact} binaries/`, { cwd: lab.place });
  lab.toolcrib('publish');
  shell('rm -r binaries', { cwd: lab.place });
}
