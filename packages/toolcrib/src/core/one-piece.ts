/** Bytes that are there already, as the stream that who reads asks for: in one piece, once. */
export async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
