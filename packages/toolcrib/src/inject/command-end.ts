import { createHmac, timingSafeEqual } from 'node:crypto';
import { Transform } from 'node:stream';

/** How a held process says that its command ended: by itself, by a signal, or not at all, because it was not started. */
export interface ToldEnd {
  readonly how: 'exited' | 'killed' | 'refused';
  /** The exit code, the number of the signal, or the exit code that stands for why it was not started. */
  readonly number: number;
}

/** Listens for how a command ended, among what it writes itself. */
export interface EndListener {
  /** Passes on what goes through it, but for what the held process tells. */
  readonly listener: Transform;
  /** What was told; undefined as long as nothing was. */
  told(): ToldEnd | undefined;
}

const MARK = '\x1e';
const BEGIN = `${MARK}toolcrib-hold `;
const TOLD = new RegExp(`^${BEGIN}((exited|killed|refused) ([0-9]{1,3})) ([0-9a-f]{64})\n`);
/** In bytes: nothing that is told is longer. */
const LONGEST = BEGIN.length + 'refused 255 '.length + 64 + 1;

/** What tells a held process to tell the end of its command: before any frame. @param key 64 lowercase hex digits. */
export function outcomeWord(key: string): string {
  return `outcome ${key}\n`;
}

/**
 * Takes out what a held process tells of its command's end: packages/sandbox-tools/README.md, "hold". Everybody who was
 * started there can write to the same stream, so only what is sealed with the key counts, and the first time.
 */
export function listenForEnd(key: string): EndListener {
  let told: ToldEnd | undefined;
  let kept = '';
  const listener = new Transform({
    transform(piece: Buffer, _encoding, done) {
      if (kept === '' && (told !== undefined || !piece.includes(MARK))) {
        done(null, piece);
        return;
      }
      kept += piece.toString('latin1');
      let passed = '';
      while (kept !== '') {
        const at = told === undefined ? kept.indexOf(MARK) : -1;
        passed += at < 0 ? kept : kept.slice(0, at);
        kept = at < 0 ? '' : kept.slice(at);
        if (mayGoOn(kept)) break;
        const [whole = '', said = '', how = '', number = '', seal = ''] = TOLD.exec(kept) ?? [];
        if (isHow(how) && isSealed(said, seal, key)) {
          told = { how, number: Number(number) };
          kept = kept.slice(whole.length);
        } else {
          passed += kept.slice(0, 1);
          kept = kept.slice(1);
        }
      }
      done(null, Buffer.from(passed, 'latin1'));
    },
    flush(done) {
      done(null, Buffer.from(kept, 'latin1'));
    },
  });
  return { listener, told: () => told };
}

/** Whether it may be the beginning of what is told. */
function mayGoOn(text: string): boolean {
  if (text === '' || text.length >= LONGEST || text.includes('\n')) return false;
  return text.startsWith(BEGIN) || BEGIN.startsWith(text);
}

function isHow(word: string): word is ToldEnd['how'] {
  return ['exited', 'killed', 'refused'].includes(word);
}

function isSealed(said: string, seal: string, key: string): boolean {
  const right = createHmac('sha256', Buffer.from(key, 'hex')).update(said).digest();
  return timingSafeEqual(right, Buffer.from(seal, 'hex'));
}
