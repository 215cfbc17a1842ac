import { describe, expect, test } from 'vitest';
import { startFaultProxy } from '../../servers/fault-proxy.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Server } from '../../servers/s3.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { toolcrib } from '../cli/command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';

describe('publishing to S3 with a rewrite rule for its readers', requireOrSkip(await s3Available()), () => {
  test('writes to the bucket, reads back from the mirror, and prints the effective URL', async () => {
    await using bucket = await freshBucket({ publicRead: true });
    await using mirror = await startFaultProxy(s3Server.endpoint);
    await using project = await scratchProject({
      'toolcrib.json': {
        tool: 'demo',
        targets: ['amd64-any'],
        stores: [`s3://${bucket.name}?region=us-east-1&endpoint=${s3Server.endpoint}&pathStyle=true`],
        rewrite: [{ from: bucket.url, to: `${mirror.url}/${bucket.name}` }],
      },
      'tool-version.txt': '1\n',
    });
    await project.write('binaries/demo-amd64-any-v1', elfFile({}));
    const keys = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };
    const end = await toolcrib(['publish'], { cwd: project.folder, env: keys });
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(end.stdout).toContain(` ${mirror.url}/${bucket.name}/demo-amd64-any-v1\n`);
    expect(new Set(mirror.requests.map(({ method }) => method))).toEqual(new Set(['GET']));
    expect(mirror.requests.map(({ path }) => path)).toContain(`/${bucket.name}/demo-amd64-any-v1`);
  });
});
