import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { framedInput, listenForAnnouncement, type Announcement } from '../../../src/inject/held-input.ts';

interface Heard {
  readonly frames: boolean;
  readonly passed: string;
}

async function hear(...pieces: readonly string[]): Promise<Heard> {
  return await hearBy(listenForAnnouncement(), pieces);
}

async function hearBy({ listener, takesFrames }: Announcement, pieces: readonly string[]): Promise<Heard> {
  let passed = '';
  const sink = new Writable({
    write(piece: Buffer, _encoding, done) {
      passed += piece.toString();
      done();
    },
  });
  await pipeline(Readable.from(pieces.map((piece) => Buffer.from(piece))), listener, sink);
  return { frames: await takesFrames, passed };
}

describe('what a held process says first', () => {
  const line = 'toolcrib-hold {"held":true,"pid":7,"frames":true}\n';

  test('is heard however it is cut, and passed on with all that follows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(line.length), fc.string({ unit: 'grapheme-ascii' }), async (cut, rest) => {
        const heard = await hear(line.slice(0, cut), line.slice(cut), rest);
        expect(heard).toEqual({ frames: true, passed: line + rest });
      }),
    );
  });

  test('is kept back however it is cut where it is for nobody else, and nothing that follows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(line.length), fc.string({ unit: 'grapheme-ascii' }), async (cut, rest) => {
        const heard = await hearBy(listenForAnnouncement(true), [line.slice(0, cut), line.slice(cut) + rest, rest]);
        expect(heard).toEqual({ frames: true, passed: rest + rest });
      }),
    );
  });

  test('is passed on whole where it turns out to be something else', async () => {
    for (const text of ['error\n', 'toolcrib-h', 'toolcrib-hold {\n', '\u00e9']) {
      expect(await hearBy(listenForAnnouncement(true), text.split(/(?=.)/u))).toEqual({ frames: false, passed: text });
    }
  });

  test('says whether the process shows itself to an observer, and whether it tells the end of its command', async () => {
    for (const [said, sentinel, outcome] of [
      ['{"held":true,"pid":7,"frames":true,"sentinel":true}', true, false],
      ['{"held":true,"pid":7,"frames":true,"outcome":true}', false, true],
      ['{"held":true,"pid":7,"frames":true}', false, false],
      ['{"sentinel":true,"outcome":true}', false, false],
    ] as const) {
      const announcement = listenForAnnouncement(true);
      await hearBy(announcement, [`toolcrib-hold ${said}\n`]);
      expect(await announcement.takesSentinel).toBe(sentinel);
      expect(await announcement.tellsOutcome).toBe(outcome);
    }
  });

  test('offers no frames when it is anything else', async () => {
    const others = [
      '',
      'error\n',
      'toolcrib-hold',
      'toolcrib-hold {\n',
      'toolcrib-hold {"held":true,"pid":7}\n',
      ` ${line}`,
    ];
    for (const text of [...others, `toolcrib-hold ${'x'.repeat(5000)}`]) {
      expect(await hear(text)).toEqual({ frames: false, passed: text });
    }
  });

  test('is decided as soon as it cannot be an announcement any more', async () => {
    const { listener, takesFrames } = listenForAnnouncement();
    listener.write(Buffer.from('sandbox'));
    expect(await takesFrames).toBe(false);
  });
});

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

test('an input goes out in frames with their lengths, behind the word, and ends with an empty one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200_000 }), { maxLength: 4 }), async (pieces) => {
      const sent = await bytesOf(framedInput(Readable.from(pieces)));
      expect(sent.toString('latin1', 0, 7)).toBe('frames\n');
      const contents: Buffer[] = [];
      let at = 7;
      for (let size = -1; size !== 0; at += 4 + size) {
        size = sent.readUInt32BE(at);
        expect(size).toBeLessThanOrEqual(65_536);
        contents.push(sent.subarray(at + 4, at + 4 + size));
      }
      expect(at).toBe(sent.byteLength);
      expect(Buffer.concat(contents).equals(Buffer.concat(pieces))).toBe(true);
    }),
    { numRuns: 30 },
  );
});
