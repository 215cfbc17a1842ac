import { fstatSync } from 'node:fs';
import { RemoteError } from '../core/errors.ts';
import { exitCodeOf } from './exit-codes.ts';
import { createOutput } from './output.ts';

let stdout: NodeJS.WriteStream | undefined;
let stderr: NodeJS.WriteStream | undefined;

/**
 * Where this process writes. A stream is opened when it is first used: for a pipe Node loads its network code, which a
 * command that has nothing to say does without.
 */
export const standardStreams = {
  /**
   * A reader that went away (`| head`) is no failure of ours; a full disk behind stdout is one, because the result is
   * lost.
   */
  get stdout(): NodeJS.WriteStream {
    return (stdout ??= process.stdout.on('error', endWithTheReader));
  },
  /** What cannot be said here is not worth ending for. */
  get stderr(): NodeJS.WriteStream {
    return (stderr ??= process.stderr.on('error', () => undefined));
  },
};

/**
 * Whether somebody may be looking at stderr. A terminal is a device: what is none is told by its descriptor, without the
 * stream.
 */
export function stderrIsTerminal(): boolean {
  return fstatSync(2).isCharacterDevice() && standardStreams.stderr.isTTY;
}

/** The streams of a program that runs in our place. What becomes of its output is for whoever passes that on to judge. */
export function streamsOfAnother(): Record<'stdout' | 'stderr', NodeJS.WriteStream> & { stdin: NodeJS.ReadStream } {
  const { stdin, stdout } = process;
  return { stdin, stdout: stdout.on('error', () => undefined), stderr: standardStreams.stderr };
}

function endWithTheReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  const failure = new RemoteError('STORAGE', `cannot write the result to stdout: ${error.message}`, { cause: error });
  createOutput(standardStreams, { json: false, quiet: false }).fail(failure);
  process.exit(exitCodeOf(failure));
}
