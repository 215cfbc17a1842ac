import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createWordsFilter, judgeEnding, type StreamEnding } from '../../../src/sandboxes/docker/engine-words.ts';
import type { OutputName, OutputPiece } from '../../../src/sandboxes/docker/frames.ts';

interface Frame {
  readonly output: OutputName;
  readonly text: string;
}

/** A frame in pieces of this many bytes. */
function piecesOf({ output, text }: Frame, size: number): OutputPiece[] {
  const bytes = Buffer.from(text);
  const count = Math.ceil(bytes.byteLength / size);
  return Array.from({ length: count }, (_, index) => {
    const offset = index * size;
    return { output, offset, length: bytes.byteLength, bytes: bytes.subarray(offset, offset + size) };
  });
}

function textOf(pieces: readonly OutputPiece[], output: OutputName): string {
  return pieces
    .filter((piece) => piece.output === output)
    .map(({ bytes }) => bytes.toString())
    .join('');
}

const CUT = 'Error: write unixpacket @->/proc/self/fd/16/attach: write: connection reset by peer\n';
const MISSING = 'OCI runtime exec failed: exec failed: no such file or directory: unknown\r\n';
const REFUSED = 'Error: runc: exec failed: no such file or directory\n';

const words = fc.constantFrom(
  CUT,
  MISSING,
  REFUSED,
  'unable to find user app\r\n',
  'O',
  'Error: ',
  'OCI run',
  'a line\n',
);
const frame = fc.record({ output: fc.constantFrom('stdout' as const, 'stderr' as const), text: words });

describe('what an engine says on the streams of a program', () => {
  test('is held back only while it is the last frame, and nothing gets lost or out of order', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), fc.integer({ min: 1, max: 200 }), (frames, size) => {
        const filter = createWordsFilter();
        const passed = frames.flatMap((one) => piecesOf(one, size)).flatMap((piece) => filter.take([piece]));
        const held = filter.end();
        if (held !== undefined) expect(held.piece.bytes.toString()).toBe(frames.at(-1)?.text);
        const all = [...passed, ...(held === undefined ? [] : [held.piece])];
        for (const output of ['stdout', 'stderr'] as const) {
          const sent = frames.filter((one) => one.output === output).map(({ text }) => text);
          expect(textOf(all, output)).toBe(sent.join(''));
        }
      }),
    );
  });

  test.each([
    { frames: [{ output: 'stdout', text: MISSING }], kind: 'not-started' },
    { frames: [{ output: 'stdout', text: 'unable to find user app\r\n' }], kind: 'not-started' },
    {
      frames: [
        { output: 'stdout', text: 'a result\n' },
        { output: 'stderr', text: CUT },
      ],
      kind: 'cut',
    },
    // Only an engine that did not start the program speaks first on stdout.
    {
      frames: [
        { output: 'stderr', text: 'a line\n' },
        { output: 'stdout', text: MISSING },
      ],
      kind: undefined,
    },
    { frames: [{ output: 'stderr', text: MISSING }], kind: undefined },
    { frames: [{ output: 'stdout', text: CUT }], kind: undefined },
    { frames: [{ output: 'stdout', text: 'O' }], kind: undefined },
  ] satisfies { frames: Frame[]; kind: string | undefined }[])(
    'is told from the program by where it stands: %j',
    (row) => {
      for (const size of [1, 7, 1000]) {
        const filter = createWordsFilter();
        row.frames.flatMap((one) => piecesOf(one, size)).forEach((piece) => filter.take([piece]));
        expect(filter.end()?.kind).toBe(row.kind);
      }
    },
  );

  test('that began with the reason for not starting a program is remembered', () => {
    const filter = createWordsFilter();
    piecesOf({ output: 'stderr', text: REFUSED }, 1000).forEach((piece) => filter.take([piece]));
    expect(filter.beganWithRefusal()).toBe(true);
  });
});

function heldOf({ output, text }: Frame): StreamEnding['held'] {
  const filter = createWordsFilter();
  filter.take(piecesOf({ output, text }, 1000));
  return filter.end();
}

describe('the last frame of a stream', () => {
  const base = { held: undefined, cut: undefined, losesOutput: false, refused: false };
  const missing = heldOf({ output: 'stdout', text: MISSING });
  const cut = heldOf({ output: 'stderr', text: CUT });
  const ended = (code: number, started = true) => ({ code, started });

  test('goes to stderr when the engine says there that a program cannot be started', () => {
    const judged = judgeEnding({ ...base, held: missing, asked: ended(126, false) });
    expect(judged.refusal).toBeUndefined();
    expect(judged.piece?.output).toBe('stderr');
    expect(judged.piece?.bytes.toString()).toBe(MISSING);
  });

  test('of a program that ran is its own, whatever it says', () => {
    expect(judgeEnding({ ...base, held: missing, asked: ended(126) })).toEqual({ piece: missing?.piece });
    expect(judgeEnding({ ...base, held: cut, asked: ended(0) })).toEqual({ piece: cut?.piece });
  });

  test('about a user that is not there is a refusal', () => {
    const held = heldOf({ output: 'stdout', text: 'unable to find user app: no matching entries\r\n' });
    expect(judgeEnding({ ...base, held, asked: ended(126, false) })).toEqual({ refusal: 'not-started' });
  });

  test('of an engine that loses output says that some may be missing, unless there was no program', () => {
    expect(judgeEnding({ ...base, held: cut, losesOutput: true, asked: ended(0) })).toEqual({ refusal: 'lost' });
    expect(judgeEnding({ ...base, held: cut, losesOutput: true, refused: true, asked: ended(127) })).toEqual({});
    expect(judgeEnding({ ...base, held: cut, losesOutput: true, refused: true, asked: ended(1) })).toEqual({
      refusal: 'lost',
    });
  });

  test('does not matter when the connection broke off', () => {
    expect(judgeEnding({ ...base, cut: 'ECONNRESET', asked: ended(0) })).toEqual({ refusal: 'lost' });
    expect(judgeEnding({ ...base, cut: 'ECONNRESET', refused: true, asked: ended(127) })).toEqual({});
    expect(judgeEnding({ ...base, asked: ended(3) })).toEqual({});
  });
});
