import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeptOutput } from '../../src/shell/kept-output.ts';
import { formatRequest, MarkerScanner, quote, type Marker } from '../../src/shell/shell-protocol.ts';

const marker: Marker = ['end-0123', '4567:'];

/** Cuts bytes into pieces at the given places. */
function pieces(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...cuts].map((cut, index) => bytes.subarray(cut, cuts[index]));
}

describe('the end of a command', () => {
  it('is found in a stream that arrives in any pieces, and no byte of output is lost', () => {
    const output = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .constantFrom('end-', 'end-0123', 'end-01234567'.slice(0, -1), 'end-end-0123')
        .map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(
        output,
        fc.nat(255),
        fc.uint8Array({ maxLength: 9 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (before, code, after, places) => {
          const stream = Buffer.concat([before, Buffer.from(`${marker.join('')}${code}\n`), after]);
          const scanner = new MarkerScanner(marker);
          const seen: Buffer[] = [];
          const rest: Buffer[] = [];
          let exitCode: number | undefined;
          for (const piece of pieces(stream, places)) {
            if (exitCode !== undefined) {
              rest.push(piece);
              continue;
            }
            const scan = scanner.scan(piece);
            seen.push(scan.output);
            exitCode = scan.end?.exitCode;
            if (scan.end !== undefined) rest.push(scan.end.rest);
          }
          expect({ exitCode, output: [...Buffer.concat(seen)], rest: [...Buffer.concat(rest)] }).toEqual({
            exitCode: code,
            output: [...before],
            rest: [...after],
          });
        },
      ),
    );
  });

  it('is not seen in output that has only a part of it', () => {
    const scanner = new MarkerScanner(marker);
    const first = scanner.scan(Buffer.from('x end-01234567 end-0123'));
    expect(first.end).toBeUndefined();
    expect(Buffer.concat([first.output, scanner.flush()]).toString()).toBe('x end-01234567 end-0123');
  });

  it('is not what a shell is told, so that a shell that echoes it does not end the command', () => {
    fc.assert(
      fc.property(fc.string(), (command) => {
        expect(formatRequest(command, marker, '')).not.toContain(marker.join(''));
      }),
    );
  });
});

describe('a quoted text', () => {
  it('is one word for a real shell', () => {
    const texts = fc.array(
      fc.string().filter((text) => !text.includes('\0')),
      { minLength: 50, maxLength: 50 },
    );
    fc.assert(
      fc.property(texts, (all) => {
        const { stdout } = spawnSync('/bin/sh', ['-c', `printf '%s\\0' ${all.map(quote).join(' ')}`]);
        expect(stdout.toString().split('\0').slice(0, -1)).toEqual(all.map((text) => Buffer.from(text).toString()));
      }),
      { numRuns: 5 },
    );
  });
});

describe('kept output', () => {
  const keep = (limit: number, chunks: readonly Uint8Array[]) => {
    const output = new KeptOutput(limit);
    for (const chunk of chunks) output.push(chunk);
    return output.text();
  };

  it('is whole up to the limit, in whatever pieces it came', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 50 }), fc.array(fc.nat()), (text, places) => {
        const bytes = Buffer.from(text);
        expect(keep(Math.max(2, bytes.length), pieces(bytes, places))).toBe(bytes.toString());
      }),
    );
  });

  it('beyond it is the head and the tail, and the count of the bytes between, whole characters only', () => {
    const long = fc
      .string({ unit: 'grapheme', minLength: 30, maxLength: 200 })
      .map((text) => Buffer.from(text).toString());
    fc.assert(
      fc.property(long, fc.integer({ min: 8, max: 25 }), fc.array(fc.nat()), (text, limit, places) => {
        const bytes = Buffer.from(text);
        const kept = keep(limit, pieces(bytes, places));
        const match = /^([^]*)\n\[… (\d+) bytes cut …\]\n([^]*)$/.exec(kept);
        const [head = '?', cut = '', tail = '?'] = match?.slice(1) ?? [];
        expect(text.startsWith(head)).toBe(true);
        expect(text.endsWith(tail)).toBe(true);
        expect(Buffer.byteLength(head) + Number(cut) + Buffer.byteLength(tail)).toBe(bytes.length);
        expect(Buffer.byteLength(head) + Buffer.byteLength(tail)).toBeLessThanOrEqual(limit);
      }),
    );
  });
});
