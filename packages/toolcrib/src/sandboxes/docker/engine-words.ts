import type { ExecExit } from '../sandbox.ts';
import type { OutputPiece } from './frames.ts';

/** Engines speak on the streams of a program, too: when they cannot start it, and when they lose its connection. */
export interface WordsFilter {
  /** Gives what is the program's; a frame that may be the engine's is held back until another one comes. */
  take(pieces: readonly OutputPiece[]): readonly OutputPiece[];
  /** The frame that was held back when the stream ended. Only how the program ended tells whose it is. */
  end(): HeldFrame | undefined;
  /** Whether the stream began with Podman's reason for not starting a program. */
  beganWithRefusal(): boolean;
}

/** The last frame of a stream, which looks like one of the engine's own. */
export interface HeldFrame {
  readonly piece: OutputPiece;
  /** Without the end of the line. */
  readonly words: string;
  /**
   * - `not-started`: Docker's reason why there is no such program, on stdout and before all else;
   * - `cut`: Podman's report, on stderr, that it stopped copying the streams.
   */
  readonly kind: 'not-started' | 'cut';
}

/** How a program ended, by the engine's description of the exec. */
export interface AskedExit extends ExecExit {
  /** False when there never was a process. */
  readonly started: boolean;
}

/** In bytes; a path in it may be long. */
const MAX_WORDS = 8192;
const NOT_STARTED = ['OCI runtime exec failed: ', 'unable to find user ', 'unable to find group '];
const CUT = ['Error: read unixpacket ', 'Error: write unixpacket '];

/** Looks through the frames of one exec. Sources: moby `daemon/exec.go`, Podman `libpod/oci_conmon_attach_common.go`. */
export function createWordsFilter(): WordsFilter {
  const held: OutputPiece[] = [];
  let seen = false;
  let refused = false;
  const take = (piece: OutputPiece): readonly OutputPiece[] => {
    const isFirst = !seen;
    seen = true;
    if (isFirst) refused = piece.output === 'stderr' && piece.bytes.toString('latin1', 0, 7) === 'Error: ';
    const released = piece.offset === 0 ? held.splice(0) : [];
    if (held.length === 0 && kindOf(piece, isFirst) === undefined) return [...released, piece];
    held.push(piece);
    // The first pieces may have been too short to tell.
    return kindOf(join(held), true) === undefined ? [...released, ...held.splice(0)] : released;
  };
  return {
    take: (pieces) => pieces.flatMap(take),
    beganWithRefusal: () => refused,
    end() {
      if (held.length === 0) return undefined;
      const piece = join(held.splice(0));
      const words = piece.bytes.toString('utf8').trim();
      return { piece, words, kind: piece.output === 'stdout' ? 'not-started' : 'cut' };
    },
  };
}

function join(pieces: readonly OutputPiece[]): OutputPiece {
  const [first] = pieces;
  const bytes = Buffer.concat(pieces.map((piece) => piece.bytes));
  return { output: first?.output ?? 'stdout', offset: first?.offset ?? 0, length: first?.length ?? 0, bytes };
}

function kindOf(piece: OutputPiece, isFirst: boolean): HeldFrame['kind'] | undefined {
  if (piece.offset > 0 || piece.length > MAX_WORDS) return undefined;
  if (piece.output === 'stdout') return isFirst && beginsWith(piece, NOT_STARTED) ? 'not-started' : undefined;
  return beginsWith(piece, CUT) ? 'cut' : undefined;
}

/** True when the frame begins with one of the texts, as far as its bytes have come. */
function beginsWith({ bytes, length }: OutputPiece, texts: readonly string[]): boolean {
  return texts.some((text) => {
    const known = Math.min(bytes.byteLength, text.length);
    return length >= text.length && bytes.toString('latin1', 0, known) === text.slice(0, known);
  });
}

/** What is known when a stream has ended. */
export interface StreamEnding {
  readonly held: HeldFrame | undefined;
  /** Why the connection broke off, when that may have cost output. */
  readonly cut: string | undefined;
  readonly asked: AskedExit;
  /** True for an engine that may stop copying before all output has come, and says so at the end. */
  readonly losesOutput: boolean;
  /** Whether the stream began with Podman's reason for not starting the program. */
  readonly refused: boolean;
}

/**
 * Whose the last frame is, and whether the program ran and all that it wrote came.
 * @returns the frame when it is for the caller to read; what is to be told instead of an exit code.
 */
export function judgeEnding(ending: StreamEnding): {
  readonly piece?: OutputPiece;
  readonly refusal?: 'not-started' | 'lost';
} {
  const { held, cut, asked, losesOutput, refused } = ending;
  const ran = !(refused && (asked.code === 126 || asked.code === 127));
  const lost = cut !== undefined && ran ? ({ refusal: 'lost' } as const) : {};
  if (held === undefined) return lost;
  if (held.kind === 'cut') {
    if (!losesOutput) return { ...lost, piece: held.piece };
    return ran ? { refusal: 'lost' } : {};
  }
  if (asked.started) return { ...lost, piece: held.piece };
  // A program that is not there is for the caller to see by its code; a user that is not there is no program's end.
  if (held.words.startsWith('unable to find ')) return { refusal: 'not-started' };
  return { piece: { ...held.piece, output: 'stderr' } };
}
