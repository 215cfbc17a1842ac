import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMarkScanner, markCommand } from '../../../src/sandboxes/exec/marks.ts';

const NONCE = '00112233445566778899aabbccddeeff';
const mark = (words: string) => Buffer.from(`\x1e${NONCE} ${words}\n`);

/** Everything that was scanned: bytes as one text in hexadecimal, and marks, in order. */
function scan(pieces: readonly Buffer[]): string[] {
  const scanner = createMarkScanner(NONCE);
  const found: string[] = [''];
  const add = (bytes: Buffer) => found.push((found.pop() ?? '') + bytes.toString('hex'));
  for (const piece of pieces) {
    for (const one of scanner.push(piece)) {
      if ('data' in one) add(one.data);
      else found.push(`mark ${one.mark.join(' ')}`, '');
    }
  }
  add(scanner.end());
  return found;
}

/** Bytes that come near to a mark. */
const nearly = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.nat(NONCE.length + 1).map((length) => mark('x').subarray(0, length)),
  fc.constant(Buffer.from('\x1e\x1e\n')),
);

describe('marks in a stream', () => {
  test('are found with the bytes between them, however the stream is cut', () => {
    const parts = fc.array(
      fc.record({ data: nearly, words: fc.constantFrom('out begin 1', 'out end 1 0', 'err end') }),
    );
    fc.assert(
      fc.property(parts, nearly, fc.array(fc.nat()), (many, rest, cuts) => {
        const whole = Buffer.concat([...many.flatMap(({ data, words }) => [data, mark(words)]), rest]);
        const at = [...new Set(cuts.map((cut) => cut % (whole.byteLength + 1)))].sort((a, b) => a - b);
        const pieces = [0, ...at].map((start, index) => whole.subarray(start, at[index] ?? whole.byteLength));
        const expected = many.flatMap(({ data, words }) => [data.toString('hex'), `mark ${words}`]);
        expect(scan(pieces)).toEqual([...expected, rest.toString('hex')]);
      }),
    );
  });

  test('hold no byte back that cannot become one', () => {
    const scanner = createMarkScanner(NONCE);
    expect(scanner.push(Buffer.from('{"jsonrpc":"2.0"}\n'))).toEqual([{ data: Buffer.from('{"jsonrpc":"2.0"}\n') }]);
  });

  test('are written by a shell, with what it expands; the command itself is none, when a terminal echoes it', () => {
    const command = markCommand(NONCE, 'out end $((40 + 2))');
    const output = execFileSync('/bin/sh', ['-c', command]);
    expect(scan([output])).toEqual(['', 'mark out end 42', '']);
    expect(scan([Buffer.from(command)])).toHaveLength(1);
    expect(scan([Buffer.from(`\x1e${NONCE} out end 0\r\n`)])).toEqual(['', 'mark out end 0', '']);
  });
});
