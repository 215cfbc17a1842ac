import { Readable } from 'node:stream';

/** What a request carries: bytes that can be sent more than once, from the start each time. */
export interface RequestBody {
  /** In bytes, exactly what `open` yields. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

/** A body on its way. */
export interface BodyOnItsWay {
  readonly stream: Readable;
  /** What its source threw, if it did: that is nobody's network. */
  failure(): unknown;
}

/** Opens a body for one request. One that is not of its announced size breaks off, so that nothing else is kept of it. */
export function openBody(body: RequestBody): BodyOnItsWay {
  const failure: { error?: unknown } = {};
  const stream = Readable.from(remembering(measured(body), failure), { objectMode: false });
  // Destroyed with the request, it tells so by an event that without a listener would end the process.
  stream.on('error', () => undefined);
  return { stream, failure: () => failure.error };
}

/** A stream that is destroyed throws its error in here, too, at the `yield`: that one is not the source's. */
async function* remembering(
  bytes: AsyncIterable<Uint8Array>,
  failure: { error?: unknown },
): AsyncGenerator<Uint8Array> {
  const pieces = bytes[Symbol.asyncIterator]();
  const nextPiece = async (): Promise<IteratorResult<Uint8Array>> => {
    try {
      return await pieces.next();
    } catch (error) {
      failure.error = error;
      throw error;
    }
  };
  try {
    for (let next = await nextPiece(); next.done !== true; next = await nextPiece()) yield next.value;
  } finally {
    await pieces.return?.();
  }
}

async function* measured(body: RequestBody): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const piece of body.open()) {
    sent += piece.byteLength;
    if (sent > body.size) break;
    yield piece;
  }
  if (sent !== body.size)
    throw new Error(`a request body was announced with ${body.size} bytes and has ${sent} or more`);
}
