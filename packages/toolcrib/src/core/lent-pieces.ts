/**
 * Bytes whose pieces can be borrowed: such a piece is valid until the next one is asked for, because its memory is used
 * again. That spares copying, and collecting, all that passes. Whoever just iterates gets copies, which are the reader's to
 * keep; so does who reads them through an iterable that knows nothing of loans.
 */
interface LendingBytes extends AsyncIterable<Uint8Array> {
  readonly [LENT]: AsyncIterable<Uint8Array>;
}

const LENT = Symbol('lent pieces');

/**
 * @param lent pieces that are valid until the next one is asked for.
 * @returns bytes that lend them to whoever asks with {@link lentPieces}, and copies to all others.
 */
export function lending(lent: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const bytes: LendingBytes = { [LENT]: lent, [Symbol.asyncIterator]: () => copies(lent[Symbol.asyncIterator]()) };
  return bytes;
}

/** The same bytes, in pieces that are valid only until the next one is asked for where they can be borrowed. */
export function lentPieces(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return isLending(bytes) ? bytes[LENT] : bytes;
}

function isLending(bytes: AsyncIterable<Uint8Array>): bytes is LendingBytes {
  return LENT in bytes;
}

/** Not a generator: one that is ended before it began would not end what it reads. */
function copies(pieces: AsyncIterator<Uint8Array>): AsyncIterator<Uint8Array> {
  return {
    async next() {
      const next = await pieces.next();
      return next.done === true ? next : { done: false, value: new Uint8Array(next.value) };
    },
    async return() {
      return (await pieces.return?.()) ?? { done: true, value: undefined };
    },
  };
}
