import { execFile } from 'node:child_process';
import { chmod, copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { probeTracer } from '../../../src/run/observe/tracer/probe.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { createScratch } from '../../unit/disk/scratch.ts';
import { REPOSITORY } from '../build/samples.ts';
import { testedBlock } from './markdown.ts';

const probe = await probeTracer();
const run = promisify(execFile);

describe('docs/guides/tracer.md', requireOrSkip('reason' in probe ? probe.reason : undefined), () => {
  test('says how the tracer is tried on its own, by root and by anybody else', async () => {
    await using scratch = await createScratch();
    await chmod(scratch.path, 0o755);
    if ('tracer' in probe) await copyFile(probe.tracer, join(scratch.path, 'tracer'));
    const guide = await readFile(join(REPOSITORY, 'docs/guides/tracer.md'), 'utf8');
    const script = testedBlock(guide, 'probe');
    const env = { PATH: `${scratch.path}:/usr/bin:/bin` };
    const { stdout, stderr } = await run('/bin/sh', ['-c', script], { env });
    expect([stdout, stderr]).toEqual(['it observes here\n', '']);
    const nobody = ['--reuid', '65534', '--clear-groups', '/bin/sh', '-c', script];
    await expect(run('setpriv', nobody, { env })).rejects.toMatchObject({ code: 125, stdout: '', stderr: '' });
  });
});
