import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/flows/host.ts';
import { openExecSandbox } from '../../../src/sandboxes/exec/exec-sandbox.ts';
import { execScript } from '../../../src/sandboxes/exec/exec-script.ts';
import { environmentFrom, mountsFrom } from '../../../src/sandboxes/exec/facts.ts';
import { entriesFrom } from '../../../src/sandboxes/exec/remote-files.ts';
import { createScratch } from '../disk/scratch.ts';

describe('what a sandbox behind a prefix says', () => {
  test('of its mounts is read as proc(5) has it, blanks included', () => {
    const text = [
      '22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/x',
      '23 22 0:21 / /proc rw,nosuid,noexec - proc proc rw',
      '24 22 8:1 /var/a\\040b /data\\040here ro,noexec shared:1 - ext4 /dev/sda1 rw',
      '25 22 0:22 / /dev/shm rw - tmpfs tmpfs rw',
      'garbage',
    ].join('\n');
    expect(mountsFrom(text)).toEqual([
      { path: '/', kind: 'volume', writable: true, executable: true },
      { path: '/data here', kind: 'volume', writable: false, executable: false },
      { path: '/dev/shm', kind: 'volume', writable: true, executable: true },
      { path: '/proc', kind: 'other', writable: true, executable: false },
    ]);
  });

  test('of its variables is read with newlines in them, and without them where there is no /proc', () => {
    expect(environmentFrom('A=1\nB\0C==x\0D\0')).toEqual({ A: '1\nB', C: '=x' });
    expect(environmentFrom('A=1\nB=2\n')).toEqual({ A: '1', B: '2' });
  });

  test('of its files is read, or refused when it is something else', () => {
    const listing = Buffer.from('41ed 0 4096\n/a\0\0' + '81a4 1000 6\n/a/b\nc\0\0' + 'a1ff 0 4\n/a/l\0note\0');
    expect(entriesFrom(listing)).toEqual([
      { kind: 'directory', mode: 0o755, uid: 0, size: 4096, path: '/a', linkTarget: '' },
      { kind: 'file', mode: 0o644, uid: 1000, size: 6, path: '/a/b\nc', linkTarget: '' },
      { kind: 'link', mode: 0o777, uid: 0, size: 4, path: '/a/l', linkTarget: 'note' },
    ]);
    const refusal = expect.objectContaining({ code: 'REMOTE_REFUSED' }) as unknown;
    for (let cut = 1; cut < 15; cut++) {
      expect(attempt(() => entriesFrom(listing.subarray(0, cut)))).toEqual(refusal);
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const outcome = attempt(() => entriesFrom(Buffer.from(text)));
        expect(Array.isArray(outcome) ? undefined : outcome).toEqual(Array.isArray(outcome) ? undefined : refusal);
      }),
    );
  });
});

describe('a sandbox without the null device', () => {
  /** This machine, with another path for `/dev/null`. */
  const open = (path: string) =>
    openExecSandbox(['/bin/sh', '-c', 'sed -u "s,/dev/null,$0,g" | /bin/sh', path], {
      reference: 'exec:test',
      env: process.env,
      clock: systemClock,
      random: randomBytes,
    });

  test('is refused when it is opened, with what helps, and gets no file in its place', async () => {
    await using scratch = await createScratch();
    const file = join(scratch.path, 'file');
    await writeFile(file, 'bytes');
    for (const path of [file, join(scratch.path, 'missing'), scratch.path]) {
      await expect(open(path)).rejects.toMatchObject({
        code: 'EXEC_FAILED',
        message: expect.stringContaining('/dev/null') as string,
        hint: expect.stringContaining('mknod -m 666 /dev/null c 1 3') as string,
      });
    }
    expect(await readFile(file, 'utf8')).toBe('bytes');
    expect(await readdir(scratch.path)).toEqual(['file']);
    await (await open('/dev/zero')).close();
  });
});

describe('the script that runs a program', () => {
  const shells = ['/bin/sh', '/bin/bash'];
  const NONCE = 'a'.repeat(32);
  /** What the program wrote, without the marks. */
  const run = (shell: string, script: string, env: Record<string, string> = {}, input = '') => {
    const { stdout } = spawnSync(shell, [], { input: script + input, env: { PATH: '/usr/bin:/bin', ...env } });
    return stdout
      .toString('utf8')
      .split(`\x1e${NONCE} out `)
      .slice(1)
      .map((part) => part.replace(/^[^\n]*\n/, ''))
      .join('');
  };

  test.each(shells)('hands %s arguments and variables on unchanged, whatever is in them', (shell) => {
    const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), text, (args, value) => {
        const argv = ['/usr/bin/printf', '%s|', ...args];
        const script = execScript({ argv, stdin: false }, NONCE, 'none');
        expect(run(shell, script)).toBe(args.length === 0 ? '|' : args.map((arg) => `${arg}|`).join(''));
        const request = { argv: ['/usr/bin/printenv', 'GIVEN'], env: { GIVEN: value }, stdin: false };
        expect(run(shell, execScript(request, NONCE, 'none'))).toBe(`${value}\n`);
      }),
      { numRuns: 20 },
    );
  });

  test.each(shells)('gives %s and takes variables that it keeps to itself, or could not name', (shell) => {
    const request = {
      argv: ['/usr/bin/env'],
      env: { UID: '77', IFS: 'x', 'a.b-c': 'd e', PATH: '/nowhere' },
      unset: ['EUID', 'GIVEN', 'x.y', 'LD_PRELOAD'],
      stdin: false,
    };
    const given = { GIVEN: '1', 'x.y': '2', LD_PRELOAD: '' };
    const lines = run(shell, execScript(request, NONCE, 'none'), given).split('\n');
    expect(lines).toEqual(expect.arrayContaining(['UID=77', 'IFS=x', 'a.b-c=d e', 'PATH=/nowhere']));
    expect(lines.filter((line) => /^(EUID|GIVEN|x\.y|LD_PRELOAD)=/.test(line))).toEqual([]);
  });
});

function attempt(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
