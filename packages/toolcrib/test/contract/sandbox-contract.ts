import { createHash, randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { Sandbox, SandboxProcess } from '../../src/sandboxes/sandbox.ts';
import { readTar } from '../../src/tar/read.ts';
import { writeTar, type TarEntry } from '../../src/tar/write.ts';
import type { Requirement } from '../servers/require.ts';

/** How a kind of sandbox is tried. */
export interface SandboxUnderTest {
  readonly name: string;
  readonly requirement: Requirement;
  /** Whether its engine may lose output of a program that ends without having read its input. Default: false. */
  readonly mayLoseOutput?: boolean;
  /** A fresh sandbox with `/bin/sh` where programs see it; `signal` ends everything that is under way. */
  readonly open: (signal?: AbortSignal) => Promise<{ readonly sandbox: Sandbox } & AsyncDisposable>;
}

const LIMITS = { maxEntries: 1000, maxEntryBytes: 1e9, maxTotalBytes: 1e9 };

const TREE: readonly TarEntry[] = [
  { path: 'tree', kind: 'directory', mode: 0o755 },
  { path: 'tree/program', kind: 'file', mode: 0o755, bytes: Buffer.from('#!/bin/sh\necho started "$@"\n') },
  { path: 'tree/note', kind: 'file', mode: 0o640, bytes: Buffer.from('a note') },
  { path: 'tree/way', kind: 'link', mode: 0o777, linkTarget: 'note' },
  { path: 'tree/empty', kind: 'file', mode: 0o644 },
];

async function finish(process: SandboxProcess): Promise<{ stdout: string; stderr: string; code: number }> {
  const [stdout, stderr, { code }] = await Promise.all([text(process.stdout), text(process.stderr), process.exit]);
  return { stdout, stderr, code };
}

async function shell(sandbox: Sandbox, script: string, env: Record<string, string> = {}, unset: string[] = []) {
  return await finish(await sandbox.exec({ argv: ['/bin/sh', '-c', script], env, unset, stdin: false }));
}

async function membersIn(sandbox: Sandbox, path: string): Promise<string[]> {
  const tar = await sandbox.readTar(path);
  if (tar === undefined) return [];
  const members: string[] = [];
  for await (const { path: name, kind, mode, uid, bytes, linkTarget } of readTar(tar, LIMITS)) {
    const content = kind === 'file' ? JSON.stringify(await text(bytes)) : linkTarget;
    const owner = sandbox.rootOwner === undefined ? 'untold' : uid;
    members.push(`${name} ${kind} ${kind === 'link' ? '' : mode.toString(8)} ${owner} ${content}`);
  }
  return members.sort();
}

/** What every sandbox must do, whatever it is. */
export function describeSandboxContract(under: SandboxUnderTest): void {
  describe(`${under.name} keeps the contract of sandboxes`, under.requirement, () => {
    test('what is unpacked can be examined and reads back with its owners and modes', async () => {
      await using opened = await under.open();
      const { sandbox } = opened;
      await sandbox.unpackTar('/', writeTar(TREE));
      expect(await sandbox.stat('/tree')).toMatchObject({ kind: 'directory', mode: 0o755 });
      expect(await sandbox.stat('/tree/note')).toEqual({ kind: 'file', mode: 0o640, size: 6, linkTarget: '' });
      expect(await sandbox.stat('/tree/way')).toMatchObject({ kind: 'link' });
      expect((await sandbox.stat('/tree/way'))?.linkTarget).toMatch(/(^|\/)note$/);
      const owner = sandbox.rootOwner ?? 'untold';
      expect(await sandbox.readOwner('/tree/note')).toBe(sandbox.rootOwner === undefined ? undefined : 0);
      expect(await membersIn(sandbox, '/tree')).toEqual([
        `tree directory 755 ${owner} `,
        `tree/empty file 644 ${owner} ""`,
        `tree/note file 640 ${owner} "a note"`,
        `tree/program file 755 ${owner} "#!/bin/sh\\necho started \\"$@\\"\\n"`,
        `tree/way link  ${owner} note`,
      ]);
      expect(await membersIn(sandbox, '/tree/note')).toEqual([`note file 640 ${owner} "a note"`]);
    });

    test('what is unpacked can be started by the path that programs see', async () => {
      await using opened = await under.open();
      const { sandbox } = opened;
      await sandbox.unpackTar('/', writeTar(TREE));
      const program = sandbox.programPath('/tree/program');
      const ended = await finish(await sandbox.exec({ argv: [program, 'a b'], cwd: '/tree', stdin: false }));
      expect(ended).toEqual({ stdout: 'started a b\n', stderr: '', code: 0 });
      const where = await finish(await sandbox.exec({ argv: ['/bin/sh', '-c', 'pwd'], cwd: '/tree', stdin: false }));
      expect(where.stdout).toBe(`${sandbox.programPath('/tree')}\n`);
    });

    test('nothing stands where nothing was put, also below a file', async () => {
      await using opened = await under.open();
      const { sandbox } = opened;
      await sandbox.unpackTar('/', writeTar(TREE));
      for (const path of ['/tree/nothing', '/nothing/at/all']) {
        expect(await sandbox.stat(path)).toBeUndefined();
        expect(await sandbox.readOwner(path)).toBeUndefined();
        expect(await sandbox.readTar(path)).toBeUndefined();
      }
    });

    test('a reader that stops early leaves the sandbox usable', async () => {
      await using opened = await under.open();
      const { sandbox } = opened;
      const bytes = randomBytes(3_000_000);
      await sandbox.unpackTar('/', writeTar([{ path: 'large', kind: 'file', mode: 0o644, bytes }]));
      for (let round = 0; round < 5; round++) {
        for await (const _piece of (await sandbox.readTar('/large')) ?? []) break;
      }
      expect((await sandbox.stat('/large'))?.size).toBe(3_000_000);
    });

    test('a tar whose iteration fails ends unpacking with that failure', async () => {
      await using opened = await under.open();
      async function* failing(): AsyncGenerator<Uint8Array> {
        for await (const piece of writeTar(TREE.slice(0, 2))) {
          yield piece;
          break;
        }
        throw new Error('the cache went away');
      }
      await expect(opened.sandbox.unpackTar('/', failing())).rejects.toThrow('the cache went away');
    });

    test('unpacking below a directory that is not there is refused with a reason', async () => {
      await using opened = await under.open();
      const unpacking = opened.sandbox.unpackTar('/no/such/parent', writeTar(TREE));
      await expect(unpacking).rejects.toMatchObject({
        code: expect.stringMatching(/NOT_INJECTABLE|STORAGE/) as string,
      });
    });

    test('every exit code passes on, and both outputs stay apart', async () => {
      await using opened = await under.open();
      const codes = [0, 1, 2, 125, 126, 127, 128, 137, 254, 255];
      const ended = await Promise.all(
        codes.map((code) => shell(opened.sandbox, `echo out ${code}; echo err ${code} >&2; exit ${code}`)),
      );
      expect(ended).toEqual(codes.map((code) => ({ stdout: `out ${code}\n`, stderr: `err ${code}\n`, code })));
    });

    test('a program that is not there ends with 126 or 127 and says so where errors are said', async () => {
      await using opened = await under.open();
      const ended = await finish(await opened.sandbox.exec({ argv: ['/no/such/program'], stdin: false }));
      expect([126, 127]).toContain(ended.code);
      expect(ended.stdout).toBe('');
      expect(ended.stderr).toMatch(/no such file|not found|ENOENT/);
    });

    test('a program runs as another user, or nothing is done as one', async () => {
      await using opened = await under.open();
      const { sandbox } = opened;
      const { choosesUser, uploader } = sandbox;
      const argv = ['/bin/sh', '-c', 'id -u'];
      const exec = async () => await finish(await sandbox.exec({ argv, user: '4321', stdin: false }));
      const refused = { code: 'EXEC_FAILED' };
      if (choosesUser) expect(await exec()).toMatchObject({ stdout: '4321\n', code: 0 });
      else await expect(exec()).rejects.toMatchObject(refused);
      if (uploader === undefined) return;
      const unpacking = sandbox.unpackTar('/', writeTar(TREE), { spool: '/spool', user: '4321' });
      await expect(unpacking).rejects.toMatchObject(refused);
      expect([await sandbox.stat('/spool'), await sandbox.stat('/tree')]).toEqual([undefined, undefined]);
    });

    test('variables are added and taken away', async () => {
      await using opened = await under.open();
      const { sandbox } = opened;
      const ended = await shell(sandbox, 'echo "[$ADDED][${HOME+set}][$PATH]"', { ADDED: 'a=b c' }, ['ABSENT']);
      expect(ended.stdout).toBe(`[a=b c][set][${sandbox.identity.env['PATH'] ?? ''}]\n`);
      const without = await shell(sandbox, 'echo "[${GIVEN-unset}]"', {}, ['GIVEN']);
      expect(['[unset]\n', '[]\n']).toContain(without.stdout);
    });

    test('50 MB pass through stdin and stdout intact while the reader is slow', async () => {
      await using opened = await under.open();
      const process = await opened.sandbox.exec({ argv: ['/bin/cat'], stdin: true });
      process.stderr.resume();
      const sent = createHash('sha256');
      const feed = async () => {
        for (let count = 0; count < 50; count++) {
          const piece = randomBytes(1_000_000);
          sent.update(piece);
          if (!process.stdin.write(piece)) await new Promise((resolve) => process.stdin.once('drain', resolve));
        }
        process.stdin.end();
      };
      const received = createHash('sha256');
      let size = 0;
      const drain = async () => {
        for await (const piece of process.stdout as AsyncIterable<Buffer>) {
          received.update(piece);
          size += piece.byteLength;
          if (size % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        }
      };
      await Promise.all([feed(), drain()]);
      expect(await process.exit).toEqual({ code: 0 });
      expect(size).toBe(50_000_000);
      expect(received.digest('hex')).toBe(sent.digest('hex'));
    });

    test('a program sees the end of its input and can still answer', async () => {
      await using opened = await under.open();
      const process = await opened.sandbox.exec({ argv: ['/bin/sh', '-c', 'cat >/dev/null; echo done'], stdin: true });
      process.stdin.end('a question');
      expect(await finish(process)).toEqual({ stdout: 'done\n', stderr: '', code: 0 });
    });

    test('a program that ends without reading its input ends well', async () => {
      await using opened = await under.open();
      const process = await opened.sandbox.exec({ argv: ['/bin/sh', '-c', 'echo enough; exit 3'], stdin: true });
      process.stdin.write(randomBytes(5_000_000));
      const ended = await finish(process);
      expect(ended).toEqual({ stdout: expect.any(String) as string, stderr: '', code: 3 });
      if (under.mayLoseOutput !== true) expect(ended.stdout).toBe('enough\n');
    });

    test('what a program wrote that leaves its input unread comes whole, or is not taken for a success', async () => {
      await using opened = await under.open();
      const argv = ['/bin/sh', '-c', 'head -c 300000 /dev/zero'];
      const process = await opened.sandbox.exec({ argv, stdin: true });
      process.stdin.write(randomBytes(5_000_000));
      const outcome = await finish(process).catch((error: unknown) => error);
      const whole = { stdout: '\0'.repeat(300_000), stderr: '', code: 0 };
      if (under.mayLoseOutput === true && outcome instanceof Error) {
        const hint = expect.stringContaining('no more input than it reads') as string;
        expect(outcome).toMatchObject({ code: 'REMOTE_REFUSED', hint });
      } else expect(outcome).toEqual(whole);
    });

    test("an abort ends a running program's streams with the signal's reason", async () => {
      await using opened = await under.open();
      const controller = new AbortController();
      const argv = ['/bin/cat'];
      const process = await opened.sandbox.exec({ argv, stdin: true, signal: controller.signal });
      process.stdout.resume();
      process.stderr.resume();
      controller.abort(new Error('enough'));
      await expect(process.exit).rejects.toThrow('enough');
    });
  });
}
