import { Transform } from 'node:stream';

/** The command of a tool that says who it is before it starts anything: packages/sandbox-tools/README.md, "hold". */
export const HOLD = 'hold';

/** What a held process says first on stderr, before JSON and a newline. */
export const HOLD_PREFIX = 'toolcrib-hold ';

/** In bytes: an announcement is shorter. */
const LIMIT = 4096;

/** What asks it to supervise its command. */
const SUPERVISE = 'frames\n';

/** What lets its command start. */
const GO = 'go\n';

/** In bytes: of the length before each frame. */
const HEAD = 4;

/** In bytes, of one frame. */
const FRAME = 64 * 1024;

/** The first words of a held process. */
export interface Announcement {
  /** Passes on what goes through it, the announcement too unless it is to be kept back. */
  readonly listener: Transform;
  /** Whether it said that it is held; false as soon as it says something else or ends. */
  readonly isHeld: Promise<boolean>;
  /** Whether its input may come in frames; false as soon as it says something else or ends. */
  readonly takesFrames: Promise<boolean>;
  /** Whether it shows itself to an observer when it is told a nonce; false likewise. */
  readonly takesSentinel: Promise<boolean>;
  /** Whether it tells how its command ended when it is told a key; false likewise. */
  readonly tellsOutcome: Promise<boolean>;
}

/** Listens to what a process says first on stderr. @param keepsBack whether the announcement is for nobody else. */
export function listenForAnnouncement(keepsBack = false): Announcement {
  const answer = Promise.withResolvers<Offer>();
  let heard: string | undefined = '';
  const listener = new Transform({
    transform(piece: Buffer, _encoding, done) {
      if (heard === undefined) {
        done(null, piece);
        return;
      }
      heard += piece.toString('latin1');
      const said = announcementIn(heard);
      const passed = keepsBack ? unheld(heard, said) : piece;
      if (said !== undefined) {
        heard = undefined;
        answer.resolve(said);
      }
      done(null, passed);
    },
    flush(done) {
      // What began like an announcement, and was none.
      done(null, keepsBack && heard !== undefined ? Buffer.from(heard, 'latin1') : null);
    },
  });
  listener.once('close', () => answer.resolve(NOTHING));
  return {
    listener,
    isHeld: answer.promise.then((offer) => offer.held),
    takesFrames: answer.promise.then((offer) => offer.frames),
    takesSentinel: answer.promise.then((offer) => offer.sentinel),
    tellsOutcome: answer.promise.then((offer) => offer.outcome),
  };
}

/** What a process offers that announces itself. */
interface Offer {
  readonly frames: boolean;
  readonly sentinel: boolean;
  readonly outcome: boolean;
  /** Whether there was an announcement at all. */
  readonly held: boolean;
}

const NOTHING: Offer = { frames: false, sentinel: false, outcome: false, held: false };

/** What goes on of what was heard so far: all but an announcement, once it is clear that there is none or where it ends. */
function unheld(heard: string, said: Offer | undefined): Buffer {
  const passed = said === undefined ? '' : said.held ? heard.slice(heard.indexOf('\n') + 1) : heard;
  return Buffer.from(passed, 'latin1');
}

/** @returns what is offered; undefined as long as that may come. */
function announcementIn(heard: string): Offer | undefined {
  const [line = '', ...rest] = heard.split('\n');
  if (rest.length > 0) return offerIn(line);
  return heard.length < LIMIT && (heard.startsWith(HOLD_PREFIX) || HOLD_PREFIX.startsWith(heard)) ? undefined : NOTHING;
}

function offerIn(line: string): Offer {
  if (!line.startsWith(HOLD_PREFIX)) return NOTHING;
  try {
    const said: unknown = JSON.parse(line.slice(HOLD_PREFIX.length));
    if (typeof said !== 'object' || said === null) return NOTHING;
    const frames = 'frames' in said && said.frames === true;
    return {
      ...{ held: true, frames },
      sentinel: frames && 'sentinel' in said && said.sentinel === true,
      outcome: frames && 'outcome' in said && said.outcome === true,
    };
  } catch {
    return NOTHING;
  }
}

/** The input of a command, behind the word that lets it start. It is read when somebody reads this, and not before. */
export async function* inputOfReleased(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(GO);
  yield* input;
}

/** What tells a held process to show itself: before any frame. @param nonce 64 lowercase hex digits. */
export function sentinelWord(nonce: string): string {
  return `sentinel ${nonce}\n`;
}

/**
 * An input as it goes to a held process that supervises its command: frames of at most 64 KiB behind their lengths, and one
 * of length 0 at the end. **The process takes the end of the stream for the end of who wants the command**, so the stream
 * must stay open until the process has ended.
 */
export async function* framedInput(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(SUPERVISE);
  for await (const bytes of input) {
    for (let at = 0; at < bytes.byteLength; at += FRAME) {
      const piece = bytes.subarray(at, at + FRAME);
      const head = Buffer.alloc(HEAD);
      head.writeUInt32BE(piece.byteLength);
      yield Buffer.concat([head, piece]);
    }
  }
  yield Buffer.alloc(HEAD);
}
