import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** How the bundled command line is started ({@link file://./bundle.ts}); the arguments follow. */
export const TOOLCRIB: readonly string[] = [process.execPath, process.env['TOOLCRIB_TEST_COMMAND'] ?? 'no bundle'];

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: none. `open`: whoever starts it writes it. */
  readonly stdin?: string | Uint8Array | { readonly open: true };
}

/** How a command line ended, and all that it said. */
export interface CliEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line that runs, without a terminal. */
export interface StartedCli {
  readonly process: ChildProcessWithoutNullStreams;
  readonly end: Promise<CliEnd>;
  /** Waits until it has said this on stdout or stderr. */
  said(words: string): Promise<void>;
}

/** An environment in which a user's cache, proxies and credentials do not count. */
export function cliEnvironment(cwd: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: cwd,
    TOOLCRIB_CACHE_DIR: join(cwd, 'cache'),
    XDG_CONFIG_HOME: join(tmpdir(), 'toolcrib-test-config'),
    ...more,
  };
}

const NETWORK = /^(?:npm_config_.*|(?:https?|no|all)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR))$/i;

/** What it takes on this machine to reach npm and Debian's archive: proxies, certificates, npm's configuration. */
export function networkEnvironment(): Record<string, string> {
  const named = Object.entries(process.env).filter(([name]) => NETWORK.test(name));
  return Object.fromEntries(named.map(([name, value]) => [name, value ?? '']));
}

export function startCli(args: readonly string[], options: CliOptions): StartedCli {
  const [program = '', ...first] = TOOLCRIB;
  const { cwd, env, stdin = '' } = options;
  const child = spawn(program, [...first, ...args], { cwd, env: cliEnvironment(cwd, env) });
  const heard = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (piece: string) => (heard[name] += piece));
  }
  child.stdin.on('error', () => undefined);
  if (typeof stdin === 'string' || stdin instanceof Uint8Array) child.stdin.end(stdin);
  const end = once(child, 'close').then((): CliEnd => ({
    code: child.exitCode,
    signal: child.signalCode,
    stdout: heard.stdout,
    stderr: heard.stderr,
  }));
  return {
    process: child,
    end,
    async said(words) {
      while (!`${heard.stdout}\n${heard.stderr}`.includes(words)) {
        if (child.exitCode !== null) throw new Error(`it ended without saying ${words}: ${heard.stderr}`);
        await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), end]);
      }
    },
  };
}

/** Runs a command line to its end behind a shell that leads its output to a file. */
export async function startRedirected(
  output: string,
  args: readonly string[],
  { cwd, env }: Pick<CliOptions, 'cwd' | 'env'>,
): Promise<Pick<CliEnd, 'code' | 'stderr'>> {
  const script = ['-c', `exec "$@" >${output}`, 'sh', ...TOOLCRIB, ...args];
  const child = spawn('sh', script, { cwd, env: cliEnvironment(cwd, env), stdio: ['ignore', 'ignore', 'pipe'] });
  const stderr = await text(child.stderr);
  return { code: child.exitCode ?? (await once(child, 'exit').then(() => child.exitCode)), stderr };
}

/** Runs a command line to its end. */
export function toolcrib(args: readonly string[], options: CliOptions): Promise<CliEnd> {
  return startCli(args, options).end;
}

/** The one JSON document that stdout has to be. */
export function documentOf(end: CliEnd): unknown {
  if (!/^[^\n]+\n$/.test(end.stdout)) throw new Error(`stdout is not one line: ${JSON.stringify(end)}`);
  const parsed: unknown = JSON.parse(end.stdout);
  return parsed;
}
