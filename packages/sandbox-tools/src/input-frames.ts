/** Bytes of the length that stands before each frame, big-endian. */
const headSize = 4;

/** In bytes: more in one frame is not sent by anybody who means it. */
const frameLimit = 1 << 20;

/** Takes frames out of a stream: their bytes, and the end of the input, which is a frame without any. */
export interface FrameParser {
  /**
   * @returns what the bytes complete or continue, in order.
   * @throws {FrameError} for a length that is too large.
   */
  push(bytes: Buffer): readonly Buffer[];
  /** True once the input has ended; what comes behind it counts for nothing. */
  hasEnded(): boolean;
}

/** What came is not made of frames. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** For an input that may end while its connection stays, and whose connection may end while the input has not. */
export function createFrameParser(): FrameParser {
  let head = Buffer.alloc(0);
  let missing = 0;
  let ended = false;
  const readHead = (bytes: Buffer): Buffer => {
    const taken = headSize - head.length;
    head = Buffer.concat([head, bytes.subarray(0, taken)]);
    if (head.length < headSize) return Buffer.alloc(0);
    missing = head.readUInt32BE();
    head = Buffer.alloc(0);
    ended = missing === 0;
    if (missing > frameLimit) throw new FrameError(`a frame of ${missing} bytes, more than ${frameLimit}`);
    return bytes.subarray(taken);
  };
  return {
    hasEnded: () => ended,
    push(bytes) {
      const pieces: Buffer[] = [];
      for (let rest = bytes; rest.length > 0 && !ended;) {
        if (missing === 0) {
          rest = readHead(rest);
          continue;
        }
        const piece = rest.subarray(0, missing);
        pieces.push(piece);
        missing -= piece.length;
        rest = rest.subarray(piece.length);
      }
      return pieces;
    },
  };
}
