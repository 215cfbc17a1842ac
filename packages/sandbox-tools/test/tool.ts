import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { z } from 'zod';

/** The entry of the tool; the tests run it uncompiled under Node. */
export const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Runs the tool to its end with nothing but the given environment. */
export function runTool(args: readonly string[], env: Record<string, string> = {}, input: string | Buffer = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { env, input, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** Starts the tool with pipes and the given environment. */
export function startTool(args: readonly string[], env: Record<string, string> = {}): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [main, ...args], { env });
}

/** A new directory, removed when it goes out of scope. */
export function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'sandbox-tools-test-')));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const answerShape = z.object({
  content: z.tuple([z.object({ type: z.literal('text'), text: z.string() })]),
  isError: z.boolean().optional(),
});

/** An MCP client with the tool behind a real pipe. */
export interface Connection extends AsyncDisposable {
  readonly client: Client;
  readonly pid: number;
  call(
    name: string,
    args: Record<string, unknown>,
    options?: { signal?: AbortSignal },
  ): Promise<{ text: string; isError: boolean }>;
  bash(command: string, timeoutSeconds?: number): Promise<{ text: string; isError: boolean }>;
}

/** Starts the server as an MCP client would, with nothing but the given environment. */
export async function connect(env: Record<string, string> = { PATH: '/usr/bin:/bin' }, cwd = '/'): Promise<Connection> {
  const exact = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  // The SDK adds HOME, PATH and others to the environment; env(1) makes it exact.
  const command = '/usr/bin/env';
  const transport = new StdioClientTransport({ command, args: ['-i', ...exact, process.execPath, main, 'mcp'], cwd });
  const client = new Client({ name: 'test', version: '0' });
  await client.connect(transport);
  const call: Connection['call'] = async (name, args, options) => {
    const { content, isError = false } = answerShape.parse(
      await client.callTool({ name, arguments: args }, undefined, options),
    );
    return { text: content[0].text, isError };
  };
  return {
    client,
    pid: transport.pid ?? 0,
    call,
    bash: (text, seconds) =>
      call('bash', { command: text, ...(seconds === undefined ? {} : { timeout_seconds: seconds }) }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** Waits until a condition holds; fails after the limit. */
export async function until(condition: () => boolean, limit = 6000): Promise<void> {
  const end = Date.now() + limit;
  while (!condition()) {
    if (Date.now() > end) throw new Error('it did not happen in time');
    await sleep(20);
  }
}

/** Whether a process lives: a zombie does not. */
export function lives(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Some bytes as one frame of an input: their count in four bytes before them. */
export function frameOf(bytes: string | Buffer): Buffer {
  const content = Buffer.from(bytes);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(content.length);
  return Buffer.concat([head, content]);
}
