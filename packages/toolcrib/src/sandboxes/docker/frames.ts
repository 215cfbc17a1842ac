import { RemoteError } from '../../core/errors.ts';

/** The two outputs of a program that an engine sends over one connection. */
export type OutputName = 'stdout' | 'stderr';

/** A piece of one output, as it came: frames are passed on in pieces, never collected. */
export interface OutputPiece {
  readonly output: OutputName;
  readonly bytes: Buffer;
  /** Where in its frame it begins, and how long that frame is, in bytes. */
  readonly offset: number;
  readonly length: number;
}

/** Takes bytes as they arrive, cut anywhere, and gives what they carry. */
export interface FrameParser {
  /** @throws RemoteError `REMOTE_REFUSED` for a stream that is not one of frames. */
  push(bytes: Buffer): OutputPiece[];
  /** @throws RemoteError `REMOTE_REFUSED` when the stream stopped inside a frame. */
  end(): void;
}

const HEADER = 8;
/** In bytes. Engines send what they read at once, 32 KiB; a length far beyond that is another protocol. */
const MAX_FRAME = 16 * 1024 * 1024;

/**
 * Parses the multiplexed stream of an exec without a terminal: frames of `[stream, 0, 0, 0, length as 4 bytes big
 * endian]` and as many bytes. Source: Docker Engine API, "Attach to a container", "Stream format".
 */
export function createFrameParser(): FrameParser {
  const header = Buffer.alloc(HEADER);
  let headerBytes = 0;
  let output: OutputName = 'stdout';
  let length = 0;
  let missing = 0;
  const takeHeader = (bytes: Buffer): number => {
    const taken = bytes.copy(header, headerBytes, 0, HEADER - headerBytes);
    headerBytes += taken;
    if (headerBytes === HEADER) {
      output = outputOf(header);
      length = lengthOf(header);
      missing = length;
      if (missing === 0) headerBytes = 0;
    }
    return taken;
  };
  return {
    push(bytes) {
      const pieces: OutputPiece[] = [];
      let at = 0;
      while (at < bytes.byteLength) {
        if (headerBytes < HEADER) {
          at += takeHeader(bytes.subarray(at));
          continue;
        }
        const piece = bytes.subarray(at, at + missing);
        pieces.push({ output, bytes: piece, offset: length - missing, length });
        at += piece.byteLength;
        missing -= piece.byteLength;
        if (missing === 0) headerBytes = 0;
      }
      return pieces;
    },
    end() {
      if (headerBytes > 0) throw malformed('it stopped inside a frame');
    },
  };
}

function outputOf(header: Buffer): OutputName {
  if (header.readUIntBE(1, 3) !== 0) throw malformed('a frame does not start with a stream number and three zeros');
  const stream = header.readUInt8(0);
  // 0 is stdin, which engines write to stdout.
  if (stream === 0 || stream === 1) return 'stdout';
  if (stream === 2) return 'stderr';
  throw malformed(stream === 3 ? 'the engine reports an error of its own' : `unknown stream ${stream}`);
}

function lengthOf(header: Buffer): number {
  const length = header.readUInt32BE(4);
  if (length > MAX_FRAME) throw malformed(`a frame says it has ${length} bytes, at most ${MAX_FRAME} are taken`);
  return length;
}

function malformed(why: string): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `the engine's output stream cannot be read: ${why}`);
}
