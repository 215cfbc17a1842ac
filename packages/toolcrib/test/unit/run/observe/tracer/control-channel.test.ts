import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createControlReader } from '../../../../../src/run/observe/tracer/control-channel.ts';
import { block, pieces, record, startedRecord, TABLE } from './stream-writer.ts';

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeInt32LE(value, 4 * index));
  return bytes;
}

const read = (bytes: Uint8Array) => createControlReader()(bytes);
const STARTED = { version: 3, pid: 7, guard: 6, attachTime: 12_345_678n, table: TABLE };

describe('what the tracer tells of its work', () => {
  test('is read the same, however it is cut into chunks', () => {
    const records = [
      startedRecord(2, STARTED),
      record(4, numbers(8, 0, 9, 0)),
      record(5, numbers(3, 0)),
      record(5, numbers(-1, 15)),
      record(6, Buffer.concat([numbers(1, 2), Buffer.from('exec')])),
      record(6, Buffer.concat([numbers(2, 1), Buffer.from('load')])),
      record(8, numbers()),
    ];
    const bytes = Buffer.concat(records.map((one, number) => block(number, [one])));
    fc.assert(
      fc.property(fc.array(fc.nat()), (cuts) => {
        const reader = createControlReader();
        expect(pieces(bytes, cuts).flatMap((piece) => reader(piece))).toEqual([
          { kind: 'started', pid: 7, guard: 6, attachMs: 12.345678, table: TABLE },
          { kind: 'anchored', anchor: { pid: 8, cgroupId: 9 } },
          { kind: 'ended', end: { exitCode: 3, signal: null } },
          { kind: 'ended', end: { exitCode: null, signal: 15 } },
          { kind: 'failed', isCommand: true, error: 2, what: 'exec' },
          { kind: 'failed', isCommand: false, error: 1, what: 'load' },
          { kind: 'running' },
        ]);
      }),
    );
  });

  test('in another version is not understood', () => {
    expect(read(block(0, [startedRecord(3, { ...STARTED, version: 1 })]))).toEqual([{ kind: 'damaged' }]);
  });

  test('that is none of its records is damaged, whatever it is', () => {
    // A record of type 8 has no content.
    const anyOther = fc.integer({ min: 2, max: 255 }).filter((type) => type !== 8);
    fc.assert(
      fc.property(anyOther, fc.uint8Array({ maxLength: 7 }), (type, content) => {
        expect(read(block(0, [record(type, content)]))).toEqual([{ kind: 'damaged' }]);
      }),
    );
    expect(read(Buffer.alloc(16, 1))).toEqual([{ kind: 'damaged' }]);
    expect(read(block(0, [Buffer.alloc(3)]))).toEqual([{ kind: 'damaged' }]);
    const cut = startedRecord(2, STARTED).subarray(8, 60);
    expect(read(block(0, [record(2, cut)]))).toEqual([{ kind: 'damaged' }]);
  });
});
