import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SandboxError } from '../core/errors.ts';
import type { SandboxProcess } from '../sandboxes/sandbox.ts';

/** What a short program said. */
export interface ProgramOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** In bytes, of each output; what comes after it is dropped. */
const KEPT = 64 * 1024;

/** In bytes, of each output: thousands of times what a program that does its work has to say. */
const ALLOWED = 16 * 1024 * 1024;

/**
 * Runs a program to its end, with `input` on its stdin; without, it was started without one.
 * @throws SandboxError `NOT_INJECTABLE` when it does not stop talking; the caller then closes its streams.
 */
export async function collectOutput(
  process: SandboxProcess,
  input?: AsyncIterable<Uint8Array>,
): Promise<ProgramOutput> {
  const feeding = input && pipeline(Readable.from(input), process.stdin);
  const [stdout, stderr, exit] = await Promise.all([keep(process.stdout), keep(process.stderr), process.exit, feeding]);
  return { code: exit.code, stdout, stderr };
}

async function keep(stream: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    if (size < KEPT) pieces.push(piece.subarray(0, KEPT - size));
    size += piece.byteLength;
    if (size > ALLOWED) throw new SandboxError('NOT_INJECTABLE', `the program wrote more than ${ALLOWED} bytes`);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/**
 * What a program writes, as long as that can be right.
 * @param moved told of every piece.
 * @param expected in bytes; what exceeds it by {@link ALLOWED} cannot be right.
 * @throws SandboxError `NOT_INJECTABLE`.
 */
export async function* watchedOutput(
  output: Readable,
  moved: () => void,
  expected = Infinity,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of output as AsyncIterable<Buffer>) {
    moved();
    size += piece.byteLength;
    if (size > expected + ALLOWED)
      throw new SandboxError('NOT_INJECTABLE', `the program wrote more than ${size} bytes`);
    yield piece;
  }
}

/** The end of what a program said, on one line, for messages. */
export function tailOf(output: ProgramOutput): string {
  const text = `${output.stdout}\n${output.stderr}`.trim();
  return text === '' ? 'it said nothing' : JSON.stringify(text.slice(-400));
}
