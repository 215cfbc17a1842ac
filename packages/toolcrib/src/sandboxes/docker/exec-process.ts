import { Readable, Writable, type Duplex } from 'node:stream';
import type { ExecExit, SandboxProcess } from '../sandbox.ts';
import { createWordsFilter, judgeEnding, type AskedExit } from './engine-words.ts';
import { createFrameParser, type OutputName, type OutputPiece } from './frames.ts';

/** What a started exec needs from its engine. */
export interface ExecConnection {
  /** The raw stream after the upgrade. */
  readonly socket: Duplex;
  /** Whether stdin was attached; without it the sending side is closed at once. */
  readonly stdin: boolean;
  readonly signal: AbortSignal | undefined;
  /** Asks how the program ended; called once, after the stream ended. */
  readonly askExit: () => Promise<AskedExit>;
  /** True for Podman, which stops copying when a program ends without having read its input. */
  readonly losesOutput: boolean;
  /** What an error of the connection is to callers. */
  readonly failure: (error: unknown) => unknown;
  /** What it is to callers that the engine did not start the program, or did not hand on all that it wrote. */
  readonly refusal: (what: 'not-started' | 'lost', words: string) => unknown;
}

/** Makes a program's three streams out of one connection, with back-pressure in both directions and a half-close. */
export function createExecProcess(connection: ExecConnection): SandboxProcess {
  const { socket, signal, losesOutput } = connection;
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
  const filter = createWordsFilter();
  const end = (cut?: string) => {
    if (ended) return;
    ended = true;
    signal?.removeEventListener('abort', onAbort);
    try {
      parser.end();
    } catch (error) {
      fail(error);
      return;
    }
    const held = filter.end();
    // Whose the last frame is shows later; without one the outputs are over now.
    if (held === undefined) outputs.end();
    socket.destroy();
    const settle = (asked: AskedExit) => {
      const judged = judgeEnding({ held, cut, asked, losesOutput, refused: filter.beganWithRefusal() });
      if (judged.piece !== undefined) outputs.push([judged.piece]);
      if (held !== undefined) outputs.end();
      const words = held?.words ?? cut ?? '';
      // Who sees a failure does not take an incomplete output for a result.
      if (judged.refusal === 'lost' && asked.code !== 0) exit.resolve({ code: asked.code, incomplete: words });
      else if (judged.refusal !== undefined) exit.reject(connection.refusal(judged.refusal, words));
      else exit.resolve({ code: asked.code });
    };
    connection.askExit().then(settle, (error: unknown) => {
      if (held !== undefined) {
        outputs.push([held.piece]);
        outputs.end();
      }
      exit.reject(error);
    });
  };
  socket.on('data', (bytes: Buffer) => {
    try {
      outputs.push(filter.take(parser.push(bytes)));
    } catch (error) {
      fail(error);
    }
  });
  socket.on('end', () => end());
  socket.on('error', (error) => {
    // A program that ends while we still write makes the engine reset the connection. What it wrote has come by then,
    // unless nobody read it.
    if (hasSystemCode(error, 'EPIPE')) end(outputs.areFull() ? error.message : undefined);
    else if (losesOutput && hasSystemCode(error, 'ECONNRESET')) end(error.message);
    else fail(connection.failure(error));
  });
  socket.on('close', () => end());
  if (signal?.aborted === true) onAbort();
  if (!connection.stdin) stdin.end();
  return { stdin, stdout: outputs.stdout, stderr: outputs.stderr, exit: exit.promise };
}

function hasSystemCode(error: Error, code: string): boolean {
  return 'code' in error && error.code === code;
}

interface Outputs {
  readonly stdout: Readable;
  readonly stderr: Readable;
  push(pieces: readonly OutputPiece[]): void;
  /** Whether bytes wait in the connection until somebody reads. */
  areFull(): boolean;
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
    areFull: () => full.size > 0,
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
