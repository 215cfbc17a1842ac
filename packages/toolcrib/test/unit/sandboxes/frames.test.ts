import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createFrameParser, type OutputName, type OutputPiece } from '../../../src/sandboxes/docker/frames.ts';

interface Frame {
  readonly stream: 0 | 1 | 2;
  readonly bytes: Uint8Array;
}

function encode(frame: Frame): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(frame.stream, 0);
  header.writeUInt32BE(frame.bytes.byteLength, 4);
  return Buffer.concat([header, frame.bytes]);
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((cut) => cut % (bytes.byteLength + 1)), 0, bytes.byteLength].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

function joined(pieces: readonly OutputPiece[], output: OutputName): string {
  return Buffer.concat(pieces.filter((piece) => piece.output === output).map(({ bytes }) => bytes)).toString('hex');
}

const frames = fc.array(fc.record({ stream: fc.constantFrom(0, 1, 2), bytes: fc.uint8Array({ maxLength: 100 }) }));

describe('the multiplexed output of an exec', () => {
  test('comes apart into both outputs, however the stream was cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(5000)), (sent, cuts) => {
        const parser = createFrameParser();
        const pieces = cutAt(Buffer.concat(sent.map(encode)), cuts).flatMap((bytes) => parser.push(bytes));
        parser.end();
        const of = (...streams: number[]) =>
          Buffer.concat(sent.filter(({ stream }) => streams.includes(stream)).map(({ bytes }) => bytes)).toString(
            'hex',
          );
        expect(joined(pieces, 'stdout')).toBe(of(0, 1));
        expect(joined(pieces, 'stderr')).toBe(of(2));
      }),
    );
  });

  test('that stops inside a frame is refused', () => {
    const whole = encode({ stream: 1, bytes: Buffer.from('a frame') });
    for (let length = 1; length < whole.byteLength; length++) {
      const parser = createFrameParser();
      parser.push(whole.subarray(0, length));
      expect(() => parser.end(), String(length)).toThrow('stopped inside a frame');
    }
  });

  test('is refused when a frame is of no known stream, or too long to be one', () => {
    const header =
      (...bytes: number[]) =>
      () =>
        createFrameParser().push(Buffer.from(bytes));
    expect(header(4, 0, 0, 0, 0, 0, 0, 1)).toThrow('unknown stream 4');
    expect(header(3, 0, 0, 0, 0, 0, 0, 1)).toThrow('error of its own');
    expect(header(1, 0, 1, 0, 0, 0, 0, 1)).toThrow('three zeros');
    expect(header(1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)).toThrow('4294967295 bytes');
    expect(header(...Buffer.from('HTTP/1.1'))).toThrow('cannot be read');
  });
});
