import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askProgram, versionIn } from '../../../src/doctor/programs.ts';
import { proxyFindings } from '../../../src/doctor/network.ts';

describe('a program that is asked for its version', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'programs-'));
    await program('fine', 'echo "fine -- version 6.1"; echo "$SECRET" >&2');
    await program('broken', 'echo broken >&2; exit 3');
    await program('endless', 'while :; do :; done');
  });
  afterAll(() => rm(folder, { recursive: true }));
  const program = async (name: string, script: string) => {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  };
  const ask = (name: string, signal = new AbortController().signal) => askProgram([name], folder, signal);

  test('answers without the environment of toolcrib, fails, or is not there', async () => {
    expect(await ask('fine')).toEqual({ kind: 'answered', said: 'fine -- version 6.1' });
    expect(await ask('broken')).toEqual({ kind: 'failed', said: 'broken' });
    expect(await ask('missing')).toEqual({ kind: 'absent' });
  });

  test('is ended when time is up', async () => {
    expect(await ask('endless', AbortSignal.timeout(50))).toMatchObject({ kind: 'failed' });
  });
});

test.each([
  ['strace -- version 6.1\nCopyright', '6.1'],
  ['git version 2.39.5', '2.39.5'],
  ['bubblewrap 0.8.0', '0.8.0'],
  ['nothing of that kind', undefined],
])('the version in %j is %s', (said, version) => expect(versionIn(said)).toBe(version));

test('a proxy is told without its password', () => {
  const [found] = proxyFindings({ HTTPS_PROXY: 'http://user:hunter2@proxy.example:3128/', no_proxy: 'localhost' });
  expect(found?.text).toBe('https_proxy is http://proxy.example:3128; not for localhost');
});
