import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probeStrace } from '../../../../../src/run/observe/strace/probe.ts';
import { requireOrSkip } from '../../../../servers/require.ts';
import { programsMissing } from '../../../build/samples.ts';

const run = promisify(execFile);
const MODULE = join(import.meta.dirname, '../../../../../src/run/observe/strace/probe.ts');

describe('a trial of strace', requireOrSkip(await programsMissing('strace')), () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'probe-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const reasonWith = async (said: string, code = 1) => {
    await writeFile(join(folder, 'strace'), `#!/bin/sh\necho "${said}" >&2\nexit ${code}\n`, { mode: 0o755 });
    return await probeStrace(folder);
  };

  test('finds the one that observes', async () => {
    const search = [folder, 'relative', ...(process.env['PATH'] ?? '').split(delimiter)].join(delimiter);
    expect(await probeStrace(search)).toEqual({ strace: expect.stringMatching(/^\/.*\/strace$/) as string });
  });

  test('says that there is none', async () => {
    const none = { reason: 'strace is not installed, or not in PATH' };
    expect([await probeStrace(folder), await probeStrace(undefined)]).toEqual([none, none]);
  });

  test('says that it is too old, and for what', async () => {
    expect(await reasonWith("strace: unrecognized option '--seccomp-bpf'")).toEqual({
      reason: `${folder}/strace is too old: it needs --seccomp-bpf, -DDD, --pidns-translation and -X raw (unrecognized option '--seccomp-bpf')`,
    });
  });

  test('says in strace’s words why it failed, or that it told nothing', async () => {
    expect(await reasonWith('strace: exec: no memory')).toEqual({
      reason: `${folder}/strace was tried and failed: exec: no memory`,
    });
    expect(await reasonWith('', 0)).toEqual({
      reason: `${folder}/strace was tried and told nothing of the command that it started`,
    });
  });

  test('says that ptrace is forbidden: here, because another strace traces already', async () => {
    const script = `import { probeStrace } from ${JSON.stringify(MODULE)}; console.log(JSON.stringify(await probeStrace(process.env.PATH)));`;
    await writeFile(join(folder, 'probe.mjs'), script);
    const node = [process.execPath, join(folder, 'probe.mjs')];
    const { stdout } = await run('strace', ['-f', '-qq', '-e', 'trace=none', '-o', join(folder, 'out'), ...node]);
    expect(JSON.parse(stdout)).toEqual({
      reason: expect.stringMatching(
        /^ptrace is forbidden here \(.*permitted\): process \d+ traces this one already$/,
      ) as string,
    });
  });
});
