/** Reads a stream by counts of bytes. */
export interface ByteReader {
  /** Up to `length` bytes; fewer only at the end of the stream. Copies: use it for small pieces. */
  read(length: number): Promise<Uint8Array>;
  /** The next piece as it comes, at most `max` bytes; undefined at the end. Does not copy. */
  next(max: number): Promise<Uint8Array | undefined>;
  /** Ends the stream, which frees what is behind it. */
  close(): Promise<void>;
}

export function createByteReader(bytes: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = bytes[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  const next = async (max: number): Promise<Uint8Array | undefined> => {
    while (rest.byteLength === 0) {
      const result = await iterator.next();
      if (result.done === true) return undefined;
      rest = result.value;
    }
    const piece = rest.subarray(0, max);
    rest = rest.subarray(max);
    return piece;
  };
  return {
    next,
    async read(length) {
      const pieces: Uint8Array[] = [];
      for (let missing = length; missing > 0;) {
        const piece = await next(missing);
        if (piece === undefined) break;
        // A piece may be its source's again when the next one is asked for.
        pieces.push(piece.byteLength < missing ? new Uint8Array(piece) : piece);
        missing -= piece.byteLength;
      }
      return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
    },
    async close() {
      await iterator.return?.();
    },
  };
}
