/** Pieces of exactly `size` bytes, and a last one that may be smaller; none of nothing. */
export async function* chunksOf(bytes: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let held = 0;
  for await (const piece of bytes) {
    let rest = piece;
    while (held + rest.byteLength >= size) {
      yield Buffer.concat([...pieces, rest.subarray(0, size - held)]);
      rest = rest.subarray(size - held);
      pieces = [];
      held = 0;
    }
    // A copy: who gives the pieces may write into the same memory again.
    if (rest.byteLength > 0) pieces.push(Uint8Array.from(rest));
    held += rest.byteLength;
  }
  if (held > 0) yield Buffer.concat(pieces);
}
