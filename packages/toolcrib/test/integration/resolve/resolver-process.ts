import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import type { Order } from './resolve-once.ts';

const SCRIPT = fileURLToPath(new URL('resolve-once.ts', import.meta.url));

export const NAME = 'probe-amd64-any-v1';

/** How a process ended, and the one line that it printed. */
export interface ResolverEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly line: Readonly<Record<string, unknown>>;
  readonly stderr: string;
}

export interface ResolverProcess {
  readonly child: ChildProcess;
  readonly end: Promise<ResolverEnd>;
}

/** Starts a process that resolves the artifact. Compiled code is shared, which halves its start. */
export function startResolver(order: Order): ResolverProcess {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'toolcrib-test-compile-cache') },
  });
  return { child, end: endOf(child, text(child.stdout), text(child.stderr)) };
}

/** The sums file that pins these bytes. */
export function sumsOf(bytes: Uint8Array): string {
  return `${digestHex(digestOf(bytes))}  ${NAME}\n`;
}

async function endOf(child: ChildProcess, stdout: Promise<string>, stderr: Promise<string>): Promise<ResolverEnd> {
  const closed = once(child, 'close');
  const line = (await stdout).trim();
  await closed;
  return {
    code: child.exitCode,
    signal: child.signalCode,
    line: line === '' ? {} : (JSON.parse(line) as Record<string, unknown>),
    stderr: await stderr,
  };
}
