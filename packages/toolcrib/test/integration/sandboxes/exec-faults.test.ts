import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/flows/host.ts';
import { collectOutput } from '../../../src/inject/output.ts';
import { openExecSandbox } from '../../../src/sandboxes/exec/exec-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { readTar } from '../../../src/tar/read.ts';
import { DOCKER, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { piecesOf } from '../inject/synthetic-artifact.ts';

const withStatic = requireOrSkip(await dockerAvailable('toolcrib-test/static'));
const FAULTY = join(import.meta.dirname, '../../servers/faulty-prefix.ts');
const PATIENCE = { start: 15_000, halfClose: 1500, quiet: 3000 };
const LIMITS = { maxEntries: 10, maxEntryBytes: 1e8, maxTotalBytes: 1e8 };

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'exec-faults-'));
  await mkdir(join(folder, 'count'));
  await mkdir(join(folder, 'site'));
});
afterEach(() => rm(folder, { recursive: true }));

async function open(words: readonly string[], patience: Partial<typeof PATIENCE> = {}): Promise<Sandbox> {
  return await openExecSandbox(words, {
    reference: 'exec:test',
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
    clock: systemClock,
    random: randomBytes,
    patience: { ...PATIENCE, ...patience },
  });
}

/** This machine behind a prefix to which something happens. */
const faulty = (fault: string, times: number, patience?: Partial<typeof PATIENCE>) =>
  open([process.execPath, FAULTY, fault, String(times), join(folder, 'count')], patience);

async function happened(): Promise<number> {
  return (await readdir(join(folder, 'count'))).length;
}

async function contentOf(sandbox: Sandbox, path: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const member of readTar((await sandbox.readTar(path)) ?? piecesOf(Buffer.alloc(0)), LIMITS)) {
    for await (const piece of member.bytes) pieces.push(Uint8Array.from(piece));
  }
  return Buffer.concat(pieces);
}

describe('a file that goes through a prefix in pieces', () => {
  test.each([
    ['cut-input', 3],
    ['lose-input', 2],
    ['change-input', 3],
  ])('arrives whole although %s happens %i times', async (fault, times) => {
    const sandbox = await faulty(fault, times);
    const bytes = randomBytes(9_000_000);
    const path = join(folder, 'site/file');
    await sandbox.uploader?.writeFile({ path, mode: 0o640, bytes: piecesOf(bytes), signal: undefined });
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect(await sandbox.stat(path)).toMatchObject({ mode: 0o640, size: 9_000_000 });
    expect(await happened()).toBe(times);
    await sandbox.close();
  });

  test.each([
    ['cut-output', 3],
    ['lose-output', 3],
  ])('is read whole although %s happens %i times', async (fault, times) => {
    const sandbox = await faulty(fault, times);
    const bytes = randomBytes(9_000_000);
    const path = join(folder, 'site/file');
    await sandbox.uploader?.writeFile({ path, mode: 0o640, bytes: piecesOf(bytes), signal: undefined });
    expect((await contentOf(sandbox, path)).equals(bytes)).toBe(true);
    expect(await happened()).toBe(times);
    await sandbox.close();
  });

  test.each([
    ['cut-input', /UNREACHABLE/],
    ['lose-input', /UNREACHABLE/],
    ['change-input', /NOT_INJECTABLE/],
  ])('is not taken for written when %s goes on', async (fault, code) => {
    const sandbox = await faulty(fault, 1000, { quiet: 500 });
    const path = join(folder, 'site/file');
    const bytes = piecesOf(randomBytes(300_000));
    const writing = sandbox.uploader?.writeFile({ path, mode: 0o640, bytes, signal: undefined });
    await expect(writing).rejects.toMatchObject({ code: expect.stringMatching(code) as string });
    await sandbox.close();
  });

  test('is not written through a link, nor where there is no directory', async () => {
    const sandbox = await open(['env']);
    const write = (path: string) =>
      sandbox.uploader?.writeFile({ path, mode: 0o640, bytes: piecesOf(Buffer.from('x')), signal: undefined });
    await expect(write(join(folder, 'none/file'))).rejects.toMatchObject({ code: 'NOT_INJECTABLE' });
    await expect(write('/proc/self/exe')).rejects.toMatchObject({ code: 'NOT_INJECTABLE' });
    await sandbox.close();
  });
});

describe('a program behind a prefix', () => {
  const echo = { argv: ['/bin/sh', '-c', 'cat; echo talk >&2; exit 255'], stdin: true };
  const call = async (sandbox: Sandbox) => {
    const output = await collectOutput(await sandbox.exec(echo), piecesOf(Buffer.from('a question')));
    await sandbox.close();
    return output;
  };
  const whole = { code: 255, stdout: 'a question', stderr: 'talk\n' };

  test.each(['none', 'greet', 'late-stderr', 'no-half-close'])(
    'ends with its own code and whole outputs when what happens is: %s',
    async (fault) => {
      expect(await call(await faulty(fault, 0))).toEqual(whole);
    },
  );

  test('gets 20 MB of input in frames where the end of an input is not passed on', async () => {
    const sandbox = await faulty('no-half-close', 0);
    const bytes = randomBytes(20_000_000);
    const output = await collectOutput(
      await sandbox.exec({ argv: ['/usr/bin/sha256sum'], stdin: true }),
      piecesOf(bytes),
    );
    const expected = (await import('node:crypto')).createHash('sha256').update(bytes).digest('hex');
    expect(output).toMatchObject({ code: 0, stdout: `${expected}  -\n` });
    await sandbox.close();
  });

  test('is not taken for ended when its prefix ends before it', async () => {
    const sandbox = await faulty('cut-output', 1);
    const started = await sandbox.exec({ argv: ['/bin/sh', '-c', 'head -c 300000 /dev/zero; sleep 60'], stdin: false });
    const outcome = collectOutput(started);
    await expect(outcome).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('255') as string,
    });
    await sandbox.close();
  });

  test('leaves no prefix behind when its sandbox is closed, not one that ignores the end of its input and SIGTERM', async () => {
    const pids = join(folder, 'pids');
    const stays = `trap '' TERM; echo $$ >> ${pids}; "$@"; while :; do sleep 1; done`;
    const sandbox = await open(['sh', '-c', stays, 'sh'], { halfClose: 500 });
    const { exit, stdout } = await sandbox.exec({ argv: ['/bin/true'], env: {}, cwd: '/', stdin: false });
    stdout.resume();
    expect(await exit).toEqual({ code: 0 });
    await sandbox.close();
    const started = (await readFile(pids, 'utf8')).trim().split('\n');
    expect(started.length).toBeGreaterThan(1);
    for (const pid of started) expect(() => process.kill(Number(pid), 0), pid).toThrow('ESRCH');
  });

  test('is not waited for when its prefix closes the output and stays', async () => {
    const sandbox = await faulty('close-early', 0);
    const started = await sandbox.exec({ argv: ['/bin/sh', '-c', 'head -c 300000 /dev/zero; sleep 60'], stdin: false });
    await expect(collectOutput(started)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await sandbox.close();
  });

  test('that failed says that its stderr did not come, and one that succeeded is not taken for a success', async () => {
    const sandbox = await faulty('no-stderr', 0);
    const ended = async (code: number) => {
      const started = await sandbox.exec({ argv: ['/bin/sh', '-c', `exit ${code}`], stdin: false });
      started.stdout.resume();
      started.stderr.resume();
      return await started.exit;
    };
    expect(await ended(3)).toEqual({ code: 3, incomplete: expect.stringContaining('stderr') as string });
    await expect(ended(0)).rejects.toMatchObject({ code: 'REMOTE_REFUSED' });
    await sandbox.close();
  });

  test('does not run where its directory is not, nor as another user', async () => {
    const sandbox = await open(['env']);
    const argv = ['/bin/true'];
    for (const more of [{ cwd: '/no/such' }, { user: '4711' }]) {
      await expect(sandbox.exec({ argv, stdin: false, ...more })).rejects.toMatchObject({ code: 'EXEC_FAILED' });
    }
    await sandbox.close();
  });

  test('is in no list of processes with its arguments and variables until it runs', async () => {
    const sandbox = await open(['env']);
    const argv = ['/bin/sh', '-c', 'tr "\\0" " " </proc/$PPID/cmdline', 'a secret argument'];
    const started = await sandbox.exec({ argv, env: { TOKEN: 'a secret value' }, stdin: false });
    expect((await collectOutput(started)).stdout).toBe('/bin/sh ');
    await sandbox.close();
  });
});

describe('a prefix that cannot be used is refused with what to do', () => {
  test.each([
    ['a program that is not there', ['/no/such/program'], 'SANDBOX_NOT_FOUND', /a program of this machine/],
    ['one that passes no input on', ['sh', '-c', '"$@" </dev/null', 'sh'], 'EXEC_FAILED', /-i/],
    ['one that executes nothing', ['true'], 'EXEC_FAILED', /-i/],
    ['one that fails', ['sh', '-c', 'echo no such pod >&2; exit 1'], 'EXEC_FAILED', /must execute what follows/],
    ['one with a terminal', ['sh', '-c', 'exec script -qec "$0" /dev/null'], 'EXEC_FAILED', /-t/],
  ])('%s', async (_, words, code, hint) => {
    await expect(open(words)).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) as string });
  });

  const words = (text: string, code = 1) => ['sh', '-c', `echo '${text}' >&2; exit ${code}`];
  test.each([
    ['a terminal that is none', words('the input device is not a TTY'), /leave -t out/],
    ['a container that is missing', words('Error response from daemon: No such container: web'), /no such container/],
    ['a pod that is missing', words('Error from server (NotFound): pods "web" not found'), /no such container/],
    ['a container that stopped', words('Error response from daemon: Container web is not running'), /does not run/],
    [
      'a root without a shell',
      words("chroot: failed to run command '/bin/sh': No such file or directory", 127),
      /no \/bin\/sh/,
    ],
  ])('one that tells of %s', async (_, prefix, hint) => {
    await expect(open(prefix)).rejects.toMatchObject({
      code: 'EXEC_FAILED',
      hint: expect.stringMatching(hint) as string,
    });
  });

  test.each(['-t', '-it', '--tty'])('one that asks for a terminal with %s, before it is started', async (option) => {
    const refusal = { code: 'EXEC_FAILED', message: expect.stringContaining('terminal') as string };
    await expect(open(['/no/such/docker', 'exec', '-u', '1000', option, 'web'])).rejects.toMatchObject(refusal);
    const harmless = ['/no/such/docker', 'exec', '-i', 'web', 'env', option];
    await expect(open(harmless)).rejects.toMatchObject({ code: 'SANDBOX_NOT_FOUND' });
  });

  test('one that tells on stdout that there is no shell', withStatic, async () => {
    await using container = await startContainer({ image: 'toolcrib-test/static' });
    await expect(open([DOCKER, 'exec', '-i', container.name])).rejects.toMatchObject({
      ...{ code: 'EXEC_FAILED', message: expect.stringContaining('no such file') as string },
      hint: expect.stringContaining('has no /bin/sh') as string,
    });
  });

  test.each([
    ['hang', /said nothing for 1.5 s/],
    ['babble', /does not stop talking/],
    ['mix', /mixes/],
  ])('one that does %s', async (fault, message) => {
    const opening = faulty(fault, 0, { start: 1500 });
    await expect(opening).rejects.toMatchObject({
      code: 'EXEC_FAILED',
      message: expect.stringMatching(message) as string,
    });
  });

  test('what a prefix said is told, without its arguments', async () => {
    const opening = open(['sh', '-c', 'echo no such pod >&2; exit 1', '--token=SECRET']);
    const error = await opening.catch((reason: unknown) => reason);
    expect(String(error)).toContain('no such pod');
    expect(JSON.stringify(error) + String(error)).not.toContain('SECRET');
  });
});
