import { Readable, Writable, type Duplex } from 'node:stream';
import type { ExecExit, SandboxProcess } from '../sandbox.ts';
import { createFrameParser, type OutputName } from './frames.ts';

/** What a started exec needs from its engine. */
export interface ExecConnection {
  /** The raw stream after the upgrade. */
  readonly socket: Duplex;
  /** Whether stdin was attached; without it the sending side is closed at once. */
  readonly stdin: boolean;
  readonly signal: AbortSignal | undefined;
  /** Asks how the program ended; called once, after the stream ended. */
  readonly askExit: () => Promise<ExecExit>;
  /** What an error of the connection is to callers. */
  readonly failure: (error: unknown) => unknown;
}

/** Makes a program's three streams out of one connection, with back-pressure in both directions and a half-close. */
export function createExecProcess(connection: ExecConnection): SandboxProcess {
  const { socket, signal } = connection;
  const outputs = createOutputs(socket);
  const stdin = createInput(socket);
  const exit = Promise.withResolvers<ExecExit>();
  exit.promise.catch(() => undefined);
  let ended = false;
  const fail = (error: unknown) => {
    // Nobody asks how it ended any more: a program that goes on would be asked about for as long as it runs.
    ended = true;
    signal?.removeEventListener('abort', onAbort);
    exit.reject(error);
    socket.destroy();
    for (const output of [outputs.stdout, outputs.stderr]) output.destroy(error instanceof Error ? error : undefined);
    stdin.destroy();
  };
  const onAbort = () => fail(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const parser = createFrameParser();
  const end = () => {
    if (ended) return;
    ended = true;
    signal?.removeEventListener('abort', onAbort);
    try {
      parser.end();
    } catch (error) {
      fail(error);
      return;
    }
    outputs.end();
    socket.destroy();
    connection.askExit().then(exit.resolve, exit.reject);
  };
  socket.on('data', (bytes: Buffer) => {
    try {
      outputs.push(parser.push(bytes));
    } catch (error) {
      fail(error);
    }
  });
  socket.on('end', end);
  // A program that ends while we still write makes the engine reset the connection: all output has come by then.
  socket.on('error', (error) => (isWriteError(error) ? undefined : fail(connection.failure(error))));
  socket.on('close', end);
  if (signal?.aborted === true) onAbort();
  if (!connection.stdin) stdin.end();
  return { stdin, stdout: outputs.stdout, stderr: outputs.stderr, exit: exit.promise };
}

function isWriteError(error: Error): boolean {
  return 'code' in error && error.code === 'EPIPE';
}

interface Outputs {
  readonly stdout: Readable;
  readonly stderr: Readable;
  push(pieces: readonly { readonly output: OutputName; readonly bytes: Buffer }[]): void;
  end(): void;
}

/** The socket is paused while one of both outputs is full: they share it. */
function createOutputs(socket: Duplex): Outputs {
  const full = new Set<OutputName>();
  const release = (name: OutputName) => {
    if (full.delete(name) && full.size === 0) socket.resume();
  };
  const create = (name: OutputName) => {
    const output = new Readable({
      read: () => release(name),
      destroy: (error, done) => {
        release(name);
        done(error);
      },
    });
    // Whoever waits for the exit learns of the error there; an output that nobody reads must not end the process.
    output.on('error', () => undefined);
    return output;
  };
  const outputs = { stdout: create('stdout'), stderr: create('stderr') };
  return {
    ...outputs,
    push(pieces) {
      for (const { output, bytes } of pieces) {
        if (outputs[output].destroyed) continue;
        if (!outputs[output].push(bytes)) full.add(output);
      }
      if (full.size > 0) socket.pause();
    },
    end() {
      outputs.stdout.push(null);
      outputs.stderr.push(null);
    },
  };
}

function createInput(socket: Duplex): Writable {
  return new Writable({
    write(bytes: Buffer, _encoding, done) {
      if (!socket.writable) done();
      else socket.write(bytes, () => done());
    },
    final(done) {
      if (!socket.writable) done();
      else socket.end(() => done());
    },
  });
}
