import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DOCKER, docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { podmanAvailable, podmanSockets, startPodmanContainer } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { bubblewrapMissing, unpackRoot } from '../../servers/root-directory.ts';
import { programsMissing } from '../build/samples.ts';
import { sandboxToolsProject } from '../flows/sandbox-tools.ts';
import { startCli, startRedirected, type CliEnd, type CliOptions, type StartedCli } from './command-line.ts';

const missing =
  (await programsMissing('apt-get', 'dpkg-deb', 'npm')) ??
  (await dockerAvailable('toolcrib-test/busybox')) ??
  (await podmanAvailable('rootful')) ??
  (await bubblewrapMissing());

const image = 'toolcrib-test/busybox';

/** A sandbox with the tool in it, and the command line there. */
interface Site extends AsyncDisposable {
  readonly reference: string;
  start(args: readonly string[], stdin?: CliOptions['stdin']): StartedCli;
  /** Starts it behind a shell that leads its output there. */
  startInto(output: string, args: readonly string[]): ReturnType<typeof startRedirected>;
}

async function siteOf(
  reference: string,
  remove: () => PromiseLike<void>,
  env: Record<string, string> = {},
): Promise<Site> {
  const { folder } = await sandboxToolsProject();
  const cache = await mkdtemp(join(tmpdir(), 'toolcrib-cache-'));
  const options = { cwd: folder, env: { ...env, TOOLCRIB_CACHE_DIR: cache } };
  const start: Site['start'] = (args, stdin) => startCli(args, { ...options, ...(stdin !== undefined && { stdin }) });
  const injected = await start(['inject', reference]).end;
  if (injected.code !== 0) throw new Error(injected.stderr);
  return {
    reference,
    start,
    startInto: (output, args) => startRedirected(output, args, options),
    [Symbol.asyncDispose]: async () => {
      await remove();
      await rm(cache, { recursive: true });
    },
  };
}

const KINDS: Readonly<Record<string, () => Promise<Site>>> = {
  'docker:': async () => {
    const container = await startContainer({ image });
    return await siteOf(`docker:${container.name}`, () => container[Symbol.asyncDispose]());
  },
  'podman:': async () => {
    const container = await startPodmanContainer('rootful', { image });
    const env = { CONTAINER_HOST: `unix://${podmanSockets.rootful}` };
    return await siteOf(`podman:${container.name}`, () => container[Symbol.asyncDispose](), env);
  },
  'exec:': async () => {
    const container = await startContainer({ image });
    return await siteOf(`exec:${DOCKER} exec -i ${container.name}`, () => container[Symbol.asyncDispose]());
  },
  'local:': async () => {
    const root = await unpackRoot(image);
    return await siteOf(`local:${root}`, () => rm(root, { recursive: true }));
  },
};

describe.each(Object.keys(KINDS))('exec in a sandbox of %s', requireOrSkip(missing), (kind) => {
  let site: Site;
  beforeAll(async () => {
    site = await (KINDS[kind]?.() ?? Promise.reject(new Error(kind)));
  });
  afterAll(() => site[Symbol.asyncDispose]());

  /** Starts a held command that is released at once; more input follows the word. */
  const startHeld = (options: readonly string[], command: readonly string[], input: CliOptions['stdin'] = '') => {
    const stdin =
      typeof input === 'string' || input instanceof Uint8Array ? Buffer.concat([RELEASE, Buffer.from(input)]) : input;
    const started = site.start(['exec', ...options, site.reference, '--', 'hold', '--', ...command], stdin);
    if (stdin === input) started.process.stdin.write(RELEASE);
    return started;
  };
  const held = (options: readonly string[], command: readonly string[], input?: string | Uint8Array) =>
    startHeld(options, command, input).end;
  const sh = (script: string) => ['sh', '-c', script];

  /** Starts a tree of processes that nobody ends who does not mean to, and waits until it is there. */
  async function startTree(options: readonly string[] = [], input: CliOptions['stdin'] = { open: true }) {
    const mark = `sleep 7${process.pid}${(trees += 1)}`;
    const script = `trap "" TERM HUP INT; ${mark} & (setsid ${mark} &) ; echo ready; while :; do ${mark}; done`;
    const started = startHeld(options, sh(script), input);
    await started.said('ready');
    await expect.poll(() => running(mark), PATIENCE).toBe(3);
    return { ...started, gone: () => expect.poll(() => running(mark), PATIENCE).toBe(0) };
  }

  test('passes bytes in and out as they are, to their end, and the exit code', async () => {
    const bytes = Buffer.alloc(5_000_000);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((at * 2654435761) % 2 ** 32, at);
    const digest = createHash('md5').update(bytes).digest('hex');
    const end = await held([], sh('md5sum; seq 300000; exit 7'), bytes);
    expect(end.code).toBe(7);
    const [first = '', ...lines] = end.stdout.split('\n');
    expect(first).toBe(`${digest}  -`);
    expect([lines.length, lines.at(-2)]).toEqual([300_001, '300000']);
  });

  test('exits with 128+N for a signal in the sandbox, 126 for what cannot be executed, 127 for what is not there', async () => {
    await held([], sh("printf '\\177ELF\\0' > /tmp/broken; chmod 755 /tmp/broken"));
    const ends = await Promise.all(
      [sh('kill -9 $$'), sh('kill -15 $$'), ['/tmp/broken'], ['absent']].map((command) => held([], command)),
    );
    expect(ends.map(({ code }) => code)).toEqual([137, 143, 126, 127]);
  });

  test('lets a command go on whose input has ended, and answers without any', async () => {
    expect(await held([], sh('cat; echo done'))).toMatchObject({ code: 0, stdout: 'done\n' });
    expect(await site.start(['exec', site.reference, '--', 'version']).end).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/sandbox-tools/) as string,
    });
  });

  test('gives a command its variables and its directory, and starts none in a directory that is not there', async () => {
    const env = ['--env', 'LD_PRELOAD=/x.so', '--env', 'A=1', '--env', 'A=b=c', '--cwd', '/tmp'];
    const end = await held(env, sh('echo "$A $LD_PRELOAD"; pwd'));
    expect(end).toMatchObject({ code: 0, stdout: 'b=c /x.so\n/tmp\n' });
    const gone = await held(['--cwd', '/not/there'], ['pwd']);
    expect(gone).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/\/not\/there is not a directory/) as string,
    });
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'leaves nothing of a command behind on %s',
    async (signal) => {
      const { process: cli, end, gone } = await startTree();
      cli.kill(signal);
      expect(await end).toMatchObject(signal === 'SIGKILL' ? { signal } : { code: 130 });
      await gone();
    },
  );

  test('leaves nothing of a command behind whose input had ended before', async () => {
    const { process: cli, end, gone } = await startTree([], '');
    cli.kill('SIGINT');
    cli.kill('SIGINT');
    // The second one may come when nobody listens any more.
    expect([
      { code: 130, signal: null },
      { code: null, signal: 'SIGINT' },
    ]).toContainEqual(how(await end));
    await gone();
  });

  test('leaves nothing of a command behind when the time is up, and exits with 125', async () => {
    const { end, gone } = await startTree(['--timeout', '2.5001']);
    expect(await end).toMatchObject({
      code: 125,
      stderr: expect.stringMatching(/did not end within 2\.5001 s/) as string,
    });
    await gone();
  });

  test('leaves nothing of a command behind when nobody reads what it says', async () => {
    const mark = `sleep 7${process.pid}${(trees += 1)}`;
    // Podman keeps the input open of what is in the middle of writing when its client goes away.
    const writer = kind === 'podman:' ? 'while sleep 0.05; do echo y; done' : 'exec yes';
    const started = startHeld([], sh(`${mark} & ${writer}`), { open: true });
    await once(started.process.stdout, 'data');
    started.process.stdout.destroy();
    expect((await started.end).code).toBe(141);
    await expect.poll(() => running(mark), PATIENCE).toBe(0);
  });

  test('refuses another user that the sandbox does not know with 125', async () => {
    const end = await site.start(['exec', '--user', 'nobody-knows', site.reference, '--', 'version']).end;
    expect(end).toMatchObject({ code: 125, stdout: '', stderr: expect.stringMatching(/nobody-knows/) as string });
  });
});

describe('exec', requireOrSkip(missing), () => {
  let site: Site;
  beforeAll(async () => {
    site = await (KINDS['docker:']?.() ?? Promise.reject(new Error('docker:')));
  });
  afterAll(() => site[Symbol.asyncDispose]());
  const exec = (...options: readonly string[]): Promise<CliEnd> =>
    site.start(['exec', ...options, site.reference, '--', 'version']).end;

  test.each([
    [['--timeout', '0']],
    [['--timeout', '-1']],
    [['--timeout', 'soon']],
    [['--timeout', '604801']],
    [['--env', 'NAME']],
    [['--env', '=value']],
    [['--env', 'TOOLCRIB_SANDBOX_CONTEXT={}']],
    [['--cwd', 'relative']],
    [['--user', '']],
  ])('exits with 125 for %j, and says what to write instead', async (options) => {
    expect(await exec(...options)).toMatchObject({
      code: 125,
      stdout: '',
      stderr: expect.stringMatching(/\n {2}hint: /) as string,
    });
  });

  test('exits with 125 when what the tool says cannot be written, and says so', async () => {
    const end = await site.startInto('/dev/full', ['exec', site.reference, '--', 'version']);
    expect(end).toMatchObject({ code: 125, stderr: expect.stringMatching(/cannot write .*ENOSPC/) as string });
  });

  test('runs as another user by uid and group, and passes on why that one cannot start it', async () => {
    const ids = await site.start(['exec', '--user', '1000:7', site.reference, '--', 'healthcheck', '--nonce', 'a']).end;
    expect(ids).toMatchObject({ code: 0, stdout: expect.stringMatching(/"uid":1000,"gid":7/) as string });
    const name = site.reference.replace('docker:', '');
    await docker('exec', name, 'chmod', '700', '/var/lib/toolcrib');
    const refused = await exec('--user', '1000');
    await docker('exec', name, 'chmod', '755', '/var/lib/toolcrib');
    expect(refused).toMatchObject({
      code: 127,
      stdout: '',
      stderr: expect.stringMatching(/permission denied/i) as string,
    });
  });
});

const how = ({ code, signal }: CliEnd) => ({ code, signal });
const RELEASE = Buffer.from('go\n');
const PATIENCE = { timeout: 20_000, interval: 50 };
let trees = 0;

/** How many processes of this machine, those in containers among them, run exactly this. */
async function running(command: string): Promise<number> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'latin1').catch(() => '')));
  return lines.filter((line) => line.replaceAll('\0', ' ').trim() === command).length;
}
