import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { SandboxProcess } from '../sandboxes/sandbox.ts';

/** What a short program said. */
export interface ProgramOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** In bytes, of each output; what comes after it is dropped. */
const KEPT = 64 * 1024;

/** Runs a program to its end, with `input` on its stdin. */
export async function collectOutput(
  process: SandboxProcess,
  input?: AsyncIterable<Uint8Array>,
): Promise<ProgramOutput> {
  const feeding = pipeline(Readable.from(input ?? []), process.stdin);
  const [stdout, stderr, exit] = await Promise.all([keep(process.stdout), keep(process.stderr), process.exit, feeding]);
  return { code: exit.code, stdout, stderr };
}

async function keep(stream: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    if (size < KEPT) pieces.push(piece.subarray(0, KEPT - size));
    size += piece.byteLength;
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** The end of what a program said, on one line, for messages. */
export function tailOf(output: ProgramOutput): string {
  const text = `${output.stdout}\n${output.stderr}`.trim();
  return text === '' ? 'it said nothing' : JSON.stringify(text.slice(-400));
}
