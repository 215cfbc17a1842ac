import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../core/errors.ts';
import { createByteReader } from '../../../tar/byte-reader.ts';
import { helperFailure } from './helper-failure.ts';
import { formatRecord, readRecord, type HelperRecord } from './records.ts';

/** In milliseconds: what it may take to take away what it began. */
const GRACE = 5000;
/** Its stderr is one short line. In bytes. */
const STDERR_LIMIT = 1024;

/** The namespace helper at work: records in, records out. Every call throws SandboxError `NOT_INJECTABLE` when it failed. */
export interface HelperProcess {
  /** The next record; its content, if any, comes by `content`. */
  next(): Promise<HelperRecord>;
  /** Content of the record that came last; read it, or end the helper. */
  content(size: number): AsyncGenerator<Uint8Array>;
  /** Sends a record, and what belongs to it. */
  send(record: Parameters<typeof formatRecord>[0]): Promise<void>;
  sendBytes(bytes: Uint8Array): Promise<void>;
  /** Ends its input and waits until it has ended its work. */
  finish(): Promise<void>;
  /** Ends it, if it has not ended, so that it takes away what it began; waits for that, but not for ever. */
  abandon(): Promise<void>;
}

/**
 * The helper for this machine, in the package or where `scripts/build-native` puts it.
 * @returns undefined when it is not there.
 */
export function findHelper(): string | undefined {
  const name = `namespace-helper-${process.arch}`;
  const folder = ownFolder();
  const path = folder === undefined ? undefined : join(folder, 'native', name);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Where toolcrib is installed; undefined when it was bundled into another program. */
function ownFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('toolcrib/package.json'));
  } catch {
    return undefined;
  }
}

/**
 * Starts the helper. It gets no environment, and a session of its own, because Ctrl-C must not end it: the end of its
 * input does.
 * @param signal its abort abandons the helper; calls then throw its reason.
 */
export async function startHelper(
  path: string,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<HelperProcess> {
  const { spawn } = await import('node:child_process'); // late, because most looks at a sandbox start nothing
  signal?.throwIfAborted();
  const child = spawn(path, args, { env: {}, cwd: '/', stdio: 'pipe', detached: true });
  const source = createByteReader(child.stdout);
  let line = '';
  child.stderr.setEncoding('latin1').on('data', (text: string) => (line = (line + text).slice(0, STDERR_LIMIT)));
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`cannot be started: ${messageOf(error)}`));
    child.once('close', (code, by) => resolve(code === 0 ? '' : `ended with ${by ?? code ?? 'no code'}`));
  });
  child.stdin.on('error', () => undefined); // its end says why
  const close = () => child.stdin.destroy();
  signal?.addEventListener('abort', close, { once: true });
  void ended.then(() => signal?.removeEventListener('abort', close));

  const abandon = async (): Promise<void> => {
    close();
    child.stdout.destroy();
    const given = new AbortController();
    const patience = sleep(GRACE, undefined, { signal: given.signal, ref: false }).then(
      () => child.kill('SIGKILL'),
      () => undefined,
    );
    await ended;
    given.abort();
    await patience;
  };
  const failure = async (how = 'ended too early'): Promise<unknown> => {
    await abandon();
    return signal?.aborted === true ? signal.reason : helperFailure(line, (await ended) || how);
  };
  const write = async (bytes: Uint8Array): Promise<void> => {
    const error = await new Promise((resolve) => child.stdin.write(bytes, resolve));
    if (error !== undefined && error !== null) throw await failure();
  };
  return {
    async next() {
      const record = await readRecord(source);
      if (record === undefined) throw await failure();
      return record;
    },
    async *content(size) {
      for (let missing = size; missing > 0;) {
        const piece = await source.next(missing);
        if (piece === undefined) throw await failure();
        missing -= piece.byteLength;
        yield piece;
      }
    },
    send: (record) => write(formatRecord(record)),
    sendBytes: write,
    async finish() {
      child.stdin.end();
      child.stdout.destroy(); // all of it was read
      if ((await ended) !== '' || signal?.aborted === true) throw await failure();
    },
    abandon,
  };
}
