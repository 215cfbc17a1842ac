import { IntegrityError } from '../../core/errors.ts';
import { LineError } from './lines.ts';

const NEWLINE = 0x0a;

/** Cuts a stream into lines without waiting: a layer can have millions of them, and a promise for each costs more than reading it. */
export interface LineCutter {
  /** Takes the next piece of the stream; the lines that end in it are handed on before this returns. */
  push(chunk: Uint8Array): void;
  /** @throws LineError when the last line does not end. */
  end(): void;
}

/**
 * Every line ends with `\n`, the last one too.
 * @param what names the member in errors.
 * @param maxBytes of one line.
 * @param onLine gets a line without its end: bytes from `start` to `end`, which are its only until it returns.
 * @returns a cutter whose `push` throws IntegrityError `TOO_LARGE` for a line that is too long, LineError for an empty
 * one, and whatever `onLine` throws.
 */
export function createLineCutter(
  what: string,
  maxBytes: number,
  onLine: (bytes: Buffer, start: number, end: number) => void,
): LineCutter {
  let rest: Uint8Array[] = [];
  let held = 0;

  const handOn = (bytes: Buffer, start: number, end: number): void => {
    if (end - start > maxBytes) throw tooLong(what, maxBytes);
    if (end === start) throw new LineError('a line is empty');
    onLine(bytes, start, end);
  };

  /** A line that began in an earlier piece is put together; it alone is copied. */
  const finishHeld = (chunk: Buffer, end: number): void => {
    const line = Buffer.concat([...rest, chunk.subarray(0, end)]);
    rest = [];
    held = 0;
    handOn(line, 0, line.byteLength);
  };

  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let at = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, at)) {
        if (held > 0) finishHeld(bytes, end);
        else handOn(bytes, at, end);
        at = end + 1;
      }
      if (at === bytes.byteLength) return;
      held += bytes.byteLength - at;
      if (held > maxBytes) throw tooLong(what, maxBytes);
      // The bytes belong to the stream, which may use them again.
      rest.push(Uint8Array.from(bytes.subarray(at)));
    },
    end() {
      if (held > 0) throw new LineError('the last line does not end with a newline');
    },
  };
}

function tooLong(what: string, maxBytes: number): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${what}: a line has more than ${maxBytes} bytes`);
}
