import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { messageOf } from '../../../core/errors.ts';
import type { ObservedCall } from '../observed-call.ts';
import { startGuard } from './guard.ts';
import { straceArguments } from './strace-arguments.ts';
import { openTracePipe } from './trace-pipe.ts';
import { createTraceReader } from './trace-reader.ts';

/** What can observe by strace here, or why nothing can. */
export type StraceProbe = { readonly strace: string } | { readonly reason: string };

/** A start of nothing takes a few milliseconds. */
const TRIAL_MS = 10_000;

/** What strace says before it is cut. */
const MAX_SAID = 64 * 1024;

/**
 * Finds strace and tries it on a command that does nothing.
 * @param searchPath `PATH` of this process; of the command that will be watched, another may count.
 */
export async function probeStrace(searchPath: string | undefined): Promise<StraceProbe> {
  if (process.platform !== 'linux') return { reason: `strace is a program for Linux, and this is ${process.platform}` };
  const strace = await findStrace(searchPath ?? '');
  if (strace === undefined) return { reason: 'strace is not installed, or not in PATH' };
  const { calls, said } = await tryStrace(strace);
  const hasStarted = calls.some((call) => call.kind === 'exec' && call.result === 0);
  const hasEnded = calls.some((call) => call.call === 'exit' && call.result === 0);
  return hasStarted && hasEnded ? { strace } : { reason: await reasonIn(said, strace) };
}

async function findStrace(searchPath: string): Promise<string | undefined> {
  for (const directory of searchPath.split(':').filter((one) => one.startsWith('/'))) {
    const path = join(directory, 'strace');
    const canStart = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (canStart) return path;
  }
  return undefined;
}

/** What it told of the command, and its own words, which begin with `strace: `. */
interface Trial {
  readonly calls: readonly ObservedCall[];
  readonly said: string;
}

async function tryStrace(strace: string): Promise<Trial> {
  const pipe = await openTracePipe().catch(messageOf);
  if (typeof pipe === 'string') return { calls: [], said: `strace: no pipe for its output: ${pipe}` };
  const guard = startGuard(pipe.path, pipe.descriptor);
  const limit = setTimeout(() => void guard.endAll(), TRIAL_MS);
  const child = spawn(strace, straceArguments(pipe.path, ['/bin/sh', '-c', ':']), {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { LC_ALL: 'C' },
  });
  const words = wordsOf(child.stderr);
  const ended = new Promise<string>((resolve) => {
    child.once('close', () => resolve(''));
    child.once('error', (error) => resolve(`strace: ${error.message}`));
  });
  void ended.then(() => pipe.release());
  try {
    const reader = createTraceReader();
    const calls: ObservedCall[] = [];
    for (let next = await pipe.chunks.next(); next.done !== true; next = await pipe.chunks.next()) {
      await pipe.release();
      calls.push(...reader.read(next.value));
    }
    return { calls: [...calls, ...reader.end()], said: `${await ended}${words()}` };
  } finally {
    clearTimeout(limit);
    await guard.dismiss();
    await pipe.close();
  }
}

function wordsOf(stream: Readable): () => string {
  let said = '';
  stream.setEncoding('latin1').on('data', (chunk: string) => {
    said = `${said}${chunk}`.slice(0, MAX_SAID);
  });
  return () => said;
}

async function reasonIn(said: string, strace: string): Promise<string> {
  const words = said.split('\n').find((line) => /^[^ ]*strace: /.test(line));
  const text = words?.slice(words.indexOf('strace: ') + 'strace: '.length, 300 + words.indexOf('strace: '));
  if (text === undefined) return `${strace} was tried and told nothing of the command that it started`;
  if (/option|invalid|syntax/i.test(text))
    return `${strace} is too old: it needs --seccomp-bpf, -DDD, --pidns-translation and -X raw (${text})`;
  if (/ptrace|PTRACE|permitted/.test(text)) return `ptrace is forbidden here (${text})${await ptraceAdvice()}`;
  return `${strace} was tried and failed: ${text}`;
}

/** What forbids it, where that can be told. */
async function ptraceAdvice(): Promise<string> {
  const [scope, status] = await Promise.all(
    ['/proc/sys/kernel/yama/ptrace_scope', '/proc/self/status'].map((path) => readFile(path, 'utf8').catch(() => '')),
  );
  const tracer = /^TracerPid:\s*(?<pid>[1-9]\d*)$/m.exec(status ?? '')?.groups?.['pid'];
  if (tracer !== undefined) return `: process ${tracer} traces this one already`;
  if (['2', '3'].includes((scope ?? '').trim())) return `: kernel.yama.ptrace_scope is ${(scope ?? '').trim()}`;
  if (/^Seccomp:\s*2$/m.test(status ?? '')) return ': this process runs under a seccomp filter, as containers do';
  return '';
}
