import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { probeTracer } from '../../../../../src/run/observe/tracer/probe.ts';
import { requireOrSkip } from '../../../../servers/require.ts';
import { scratchProject } from '../../../../unit/cli/scratch-project.ts';
import { cliEnvironment, TOOLCRIB } from '../../../cli/command-line.ts';

const run = promisify(execFile);
const probe = await probeTracer();

/** Somewhere among these, Node has what it needs itself, and no descriptors for pipes. */
const LIMITS = [22, 23, 24, 25, 26];

/** What a recorded run says with so many descriptors. */
async function saidWith(limit: number, kernel: string): Promise<string> {
  await using project = await scratchProject();
  const script = `ulimit -n ${limit}; "$@" 2>&1 || echo "exit $?"`;
  const args = [...TOOLCRIB, 'run', '--kernel', kernel, '-o', 'run.tar.gz', '--', '/bin/true'];
  const options = { cwd: project.folder, env: cliEnvironment(project.folder) };
  return (await run('/bin/sh', ['-c', script, 'sh', ...args], options)).stdout;
}

describe('a run with few descriptors', requireOrSkip('reason' in probe ? probe.reason : undefined), () => {
  test.each(['ebpf', 'auto'])('is refused or goes on as for every tracer that does not start: %s', async (kernel) => {
    const said: string[] = [];
    for (const limit of LIMITS) said.push(await saidWith(limit, kernel));
    const about = 'it cannot be started: too many files are open';
    const sentence = kernel === 'ebpf' ? `cannot observe the kernel by ebpf: ${about}` : `none (ebpf: ${about}`;
    expect(said.filter((text) => text.includes(sentence))).not.toEqual([]);
    expect(said.filter((text) => text.includes('bug'))).toEqual([]);
  });
});
