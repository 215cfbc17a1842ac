import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { isSystemError, RemoteError } from '../core/errors.ts';

/** Passes on what is written to it, until that is not taken any more; what comes then is dropped. */
export interface PassedOutput {
  readonly stream: Writable;
  /** Resolves when all was passed on, or dropped; `target` is left open. */
  end(): Promise<void>;
}

/** @param onLost called once, with why it is not taken. */
export function passedOn(target: Writable, onLost: (error: Error) => void): PassedOutput {
  let isLost = false;
  const lose = (error: Error): void => {
    if (!isLost) onLost(error);
    isLost = true;
  };
  target.on('error', lose);
  const stream = new Writable({
    write(piece: Buffer, _encoding, done) {
      if (isLost) done();
      else {
        target.write(piece, (error) => {
          if (error) lose(error);
          done();
        });
      }
    },
    destroy(error, done) {
      target.off('error', lose);
      done(error);
    },
  });
  return {
    stream,
    async end() {
      stream.end();
      await finished(stream).catch(() => undefined);
    },
  };
}

/** Whether whoever read an output went away (`| head`), which is no failure. */
export function isGoneReader(error: Error): boolean {
  return isSystemError(error, 'EPIPE');
}

/** What it is to the user that an output is not taken. */
export function outputLost(error: Error): RemoteError {
  return new RemoteError('STORAGE', `cannot write what the command writes: ${error.message}`, {
    hint: 'it was ended in the sandbox; look at where its output leads, a full disk for example',
    cause: error,
  });
}
