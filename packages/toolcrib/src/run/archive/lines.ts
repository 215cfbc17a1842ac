const NEWLINE = 0x0a;

/** Why a stream of lines ended early. */
export class LineError extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Cuts a stream into lines. Every line ends with `\n`, the last one too.
 * @param maxBytes of one line.
 * @throws LineError for a line that is too long, is not UTF-8, is empty or does not end.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<string> {
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of chunks) {
    const bytes = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, at)) {
      yield decode(bytes.subarray(at, end), maxBytes);
      at = end + 1;
    }
    // The bytes belong to the stream, which may use them again.
    rest = Uint8Array.from(bytes.subarray(at));
    if (rest.byteLength > maxBytes) throw tooLong(maxBytes);
  }
  if (rest.byteLength > 0) throw new LineError('the last line does not end with a newline');
}

/** @throws LineError unless it is UTF-8 of at most `maxBytes` bytes, and something. */
function decode(bytes: Uint8Array, maxBytes: number): string {
  if (bytes.byteLength > maxBytes) throw tooLong(maxBytes);
  if (bytes.byteLength === 0) throw new LineError('a line is empty');
  return decodeText(bytes);
}

/** @throws LineError unless it is UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new LineError('it is not UTF-8');
  }
}

function tooLong(maxBytes: number): LineError {
  return new LineError(`a line has more than ${maxBytes} bytes`);
}
