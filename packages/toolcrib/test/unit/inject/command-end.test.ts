import { createHmac } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listenForEnd, type ToldEnd } from '../../../src/inject/command-end.ts';

const KEY = '0badc0de'.repeat(8);

function told(said: string, key = KEY): string {
  const seal = createHmac('sha256', Buffer.from(key, 'hex')).update(said).digest('hex');
  return `\x1etoolcrib-hold ${said} ${seal}\n`;
}

async function hear(...pieces: readonly string[]): Promise<{ passed: string; end: ToldEnd | undefined }> {
  const ending = listenForEnd(KEY);
  let passed = '';
  const sink = new Writable({
    write(piece: Buffer, _encoding, done) {
      passed += piece.toString('latin1');
      done();
    },
  });
  await pipeline(Readable.from(pieces.map((piece) => Buffer.from(piece, 'latin1'))), ending.listener, sink);
  return { passed, end: ending.told() };
}

/** What a command may write, much of it like what its tool tells. */
const words = fc.string({
  unit: fc.constantFrom(
    '\x1e',
    '\x1etoolcrib-hold ',
    'exited 0 ',
    told('exited 0', 'ff'.repeat(32)),
    '\n',
    'a',
    '\xff',
  ),
  maxLength: 12,
});

describe('what a held process tells of the end of its command', () => {
  test('is heard and taken out however it is cut, among whatever else is written', async () => {
    const line = told('killed 9');
    await fc.assert(
      fc.asyncProperty(words, words, fc.nat(line.length), async (before, behind, cut) => {
        const heard = await hear(before + line.slice(0, cut), line.slice(cut) + behind);
        expect(heard).toEqual({ passed: before + behind, end: { how: 'killed', number: 9 } });
      }),
    );
  });

  test('is not believed of those who have no key, and passed on byte by byte', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(words), async (pieces) => {
        expect(await hear(...pieces)).toEqual({ passed: pieces.join(''), end: undefined });
      }),
    );
  });

  test.each([
    ['another end under the same seal', told('exited 3').replace('exited 3', 'exited 0')],
    ['a word that there is none of', told('vanished 0')],
    ['a number that there is none of', told('exited 1000')],
    ['no number', told('exited ')],
  ])('is not %s', async (_what, text) => {
    expect(await hear(text)).toEqual({ passed: text, end: undefined });
  });

  test('is what is told first', async () => {
    const second = told('exited 4');
    expect(await hear(told('refused 127'), second)).toEqual({ passed: second, end: { how: 'refused', number: 127 } });
  });

  test('does not keep what a command writes', () => {
    const { listener } = listenForEnd(KEY);
    listener.write(Buffer.from('password: '));
    expect(String(listener.read())).toBe('password: ');
  });
});
