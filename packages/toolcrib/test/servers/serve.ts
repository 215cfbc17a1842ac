import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseStoreReference } from '../../src/core/reference.ts';
import { openHttpStore, type HttpStoreOptions } from '../../src/stores/http/http-store.ts';
import type { Store } from '../../src/stores/store.ts';
import { systemClock } from '../contract/store-clock.ts';
import { cliEnvironment, TOOLCRIB } from '../integration/cli/command-line.ts';

/** How a server ended. */
export interface ServeEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The bundled `toolcrib serve` as a process of its own, killed and removed with its files at the end of its `await using` scope. */
export interface ServedStore extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly root: string;
  /** What opens it for writing, whether it was given to the server or not. */
  readonly token: string;
  readonly process: ChildProcess;
  /** Files of its root that it holds open. */
  openFiles(): number;
  /** What it has written to both of its streams. */
  heard(): string;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<ServeEnd>;
  /** Starts it again after its end, on the same port and folder. */
  restart(): Promise<void>;
}

export interface ServeSettings {
  /** False: without a token file, to read only. */
  readonly publishing?: boolean;
  readonly args?: readonly string[];
}

export async function startServe({ publishing = true, args = [] }: ServeSettings = {}): Promise<ServedStore> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-serve-'));
  const [root, tokenFile] = [join(folder, 'root'), join(folder, 'token')];
  const token = randomBytes(32).toString('hex');
  await mkdir(root);
  await writeFile(tokenFile, `${token}\n`, { mode: 0o600 });
  const access = publishing ? ['--token-file', tokenFile] : [];
  const start = (port: number): Promise<Started> =>
    startProcess(['serve', '--root', root, '--port', String(port), ...access, ...args], folder);
  let started = await start(0);
  const { url } = started;
  const port = Number(new URL(url).port);
  return {
    url,
    port,
    root,
    token,
    get process() {
      return started.process;
    },
    openFiles: () => openFilesBelow(root, started.process.pid),
    heard: () => started.heard(),
    async end(signal) {
      started.process.kill(signal);
      return await started.ended;
    },
    async restart() {
      started = await start(port);
    },
    async [Symbol.asyncDispose]() {
      started.process.kill('SIGKILL');
      await started.ended;
      await rm(folder, { recursive: true });
    },
  };
}

interface Started {
  readonly url: string;
  readonly process: ChildProcess;
  readonly ended: Promise<ServeEnd>;
  heard(): string;
}

/** Resolves when it has said where it listens. */
async function startProcess(args: readonly string[], cwd: string): Promise<Started> {
  const [program = '', ...first] = TOOLCRIB;
  const env = cliEnvironment(cwd);
  const child = spawn(program, [...first, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then((): ServeEnd => ({ code: child.exitCode, signal: child.signalCode }));
  const urlOf = (): string | undefined => /http:\/\/[^\s"]+/.exec(stdout)?.[0];
  while (urlOf() === undefined) {
    if (child.exitCode !== null) throw new Error(`the server did not start: ${stdout}${stderr}`);
    await Promise.race([once(child.stdout, 'data'), ended]);
  }
  return { url: urlOf() ?? '', process: child, ended, heard: () => stdout + stderr };
}

function openFilesBelow(folder: string, pid: number | undefined): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;
}

/** Quick to give up, and without proxies. */
const OPTIONS: HttpStoreOptions = {
  offline: false,
  rewrite: [],
  clock: systemClock,
  random: Math.random,
  retry: { attempts: 4, firstWaitMs: 20, longestWaitMs: 200 },
};

/** A client of a store, as another process would have one. */
export function openTestHttpStore(url: string, token: string | undefined, more: Partial<HttpStoreOptions> = {}): Store {
  const reference = parseStoreReference(url);
  if (reference.kind !== 'http') throw new Error('not an HTTP store');
  return openHttpStore(reference, { ...OPTIONS, token, ...more });
}
