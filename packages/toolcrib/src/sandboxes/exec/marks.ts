/** Begins every mark: the ASCII record separator, which texts do not hold. */
const START = 0x1e;
/** In bytes, of what follows the nonce. */
const MAX_WORDS = 256;

/** What comes through a stream: bytes of a program, or a mark that our script in the sandbox wrote between them. */
export type Piece = { readonly data: Buffer } | { readonly mark: readonly string[] };

/** Tells marks from the bytes around them. */
export interface MarkScanner {
  /** What is known now. Bytes are held back only as long as they can still become a mark. */
  push(bytes: Buffer): readonly Piece[];
  /** What was held back when the stream is over. */
  end(): Buffer;
}

/** @param nonce hexadecimal, unguessable, so that nothing else in the stream looks like a mark. */
export function createMarkScanner(nonce: string): MarkScanner {
  const start = Buffer.from(`${String.fromCharCode(START)}${nonce} `, 'latin1');
  let held = Buffer.alloc(0);
  return {
    push(bytes) {
      let rest = held.byteLength === 0 ? bytes : Buffer.concat([held, bytes]);
      const pieces: Piece[] = [];
      for (;;) {
        const mark = nextMark(rest, start);
        if (mark.at > 0) pieces.push({ data: rest.subarray(0, mark.at) });
        rest = rest.subarray(mark.at);
        if (mark.words === undefined) break;
        pieces.push({ mark: mark.words });
        rest = rest.subarray(mark.size);
      }
      held = Buffer.from(rest);
      return pieces;
    },
    end: () => held,
  };
}

interface FoundMark {
  /** Where it begins, or may begin. */
  readonly at: number;
  readonly words: readonly string[] | undefined;
  readonly size: number;
}

function nextMark(bytes: Buffer, start: Buffer): FoundMark {
  const at = bytes.indexOf(start);
  if (at < 0) return { at: possibleStart(bytes, start), words: undefined, size: 0 };
  const end = bytes.indexOf(0x0a, at);
  if (end < 0 && bytes.byteLength - at > start.byteLength + MAX_WORDS) {
    return { at: bytes.byteLength, words: undefined, size: 0 };
  }
  if (end < 0) return { at, words: undefined, size: 0 };
  // A terminal on the way writes a carriage return before the newline.
  const text = bytes.toString('latin1', at + start.byteLength, end).replace(/\r$/, '');
  return { at, words: text.split(' '), size: end + 1 - at };
}

/** Only the last record separator can begin a mark that is not whole yet: there is none inside of one. */
function possibleStart(bytes: Buffer, start: Buffer): number {
  const at = bytes.lastIndexOf(START);
  const tail = at < 0 ? undefined : bytes.subarray(at);
  const isPossible = tail !== undefined && tail.equals(start.subarray(0, tail.byteLength));
  return isPossible ? at : bytes.byteLength;
}

/**
 * A shell command that writes a mark. The nonce stands there in two halves: where a terminal echoes what is typed, the
 * echo is no mark.
 * @param words expanded by the shell inside double quotes, e.g. `end $?`.
 */
export function markCommand(nonce: string, words: string): string {
  const middle = nonce.length / 2;
  return `printf '\\036%s%s %s\\n' ${nonce.slice(0, middle)} ${nonce.slice(middle)} "${words}"`;
}
