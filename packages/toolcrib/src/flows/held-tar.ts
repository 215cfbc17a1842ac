import type { UnpackedArtifact } from '../cache/cache.ts';

/** An unpacked artifact whose bytes may be in memory, where nobody changes them after they were hashed. */
export type HeldArtifact = UnpackedArtifact & {
  /** True: what `openUnverified` yields was hashed when it was read into memory. */
  readonly isVerified?: boolean;
};

/** In bytes: what is larger is read and hashed for each sandbox, as for a single one. */
const MOST = 512 * 1024 ** 2;

/** What an engine's connection takes at once. */
const PIECE = 1024 * 1024;

/**
 * For who sends the same tar many times: it is read and hashed once, when it is opened first, and sent from memory.
 * @param signal ends the reading.
 * @param most in bytes; see {@link MOST}.
 */
export function holdTar(unpacked: UnpackedArtifact, signal: AbortSignal | undefined, most = MOST): HeldArtifact {
  if (unpacked.tarSize > most) return unpacked;
  let held: Promise<Uint8Array> | undefined;
  return {
    ...unpacked,
    isVerified: true,
    async *openUnverified() {
      held ??= readWhole(unpacked, signal);
      yield* piecesOf(await held);
    },
  };
}

/** @throws as `UnpackedArtifact.open`. */
async function readWhole(unpacked: UnpackedArtifact, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const whole = Buffer.allocUnsafeSlow(unpacked.tarSize);
  let size = 0;
  for await (const piece of unpacked.open(signal)) {
    whole.set(piece, size);
    size += piece.byteLength;
  }
  return whole;
}

function* piecesOf(whole: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < whole.byteLength; at += PIECE) yield whole.subarray(at, at + PIECE);
}
