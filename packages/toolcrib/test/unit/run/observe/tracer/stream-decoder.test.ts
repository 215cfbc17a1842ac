import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ObservedCall } from '../../../../../src/run/observe/observed-call.ts';
import { createStreamDecoder, type StreamEnd } from '../../../../../src/run/observe/tracer/stream-decoder.ts';
import {
  anyStream,
  block,
  callRecord,
  finishedRecord,
  NO_CALL,
  pieces,
  record,
  TABLE,
  type WrittenStream,
} from './stream-writer.ts';

interface Decoded {
  readonly calls: readonly ObservedCall[];
  readonly end: StreamEnd;
}

function decode(chunks: readonly Uint8Array[]): Decoded {
  const decoder = createStreamDecoder(TABLE);
  const calls = chunks.flatMap((chunk) => decoder.push(chunk));
  return { calls, end: decoder.end() };
}

/** The calls of a stream, as many as come with each whole block. */
function callsAfterBlocks({ bytes, blocks }: WrittenStream): (readonly ObservedCall[])[] {
  const { calls } = decode([bytes]);
  const counts = blocks.map((_, index) => blocks.slice(0, index + 1).flat().length);
  return [0, ...counts].map((count) => calls.slice(0, count));
}

describe('the stream of the tracer', () => {
  test('is read the same, however it is cut into chunks', () => {
    fc.assert(
      fc.property(anyStream, fc.array(fc.nat()), (stream, cuts) => {
        const whole = decode([stream.bytes]);
        expect(whole.calls).toHaveLength(stream.blocks.flat().length);
        expect(whole.end).toMatchObject({ kind: 'finished' });
        expect(decode(pieces(stream.bytes, cuts))).toEqual(whole);
      }),
    );
  });

  test('that is cut tells the calls of its whole blocks, and that it was cut', () => {
    fc.assert(
      fc.property(anyStream, fc.nat(), (stream, at) => {
        const length = at % stream.bytes.byteLength;
        const { calls, end } = decode([stream.bytes.subarray(0, length)]);
        expect(end).toEqual({ kind: 'cut' });
        expect(callsAfterBlocks(stream)).toContainEqual(calls);
      }),
    );
  });

  test('with a wrong byte anywhere tells nothing of that block or behind it, and never a wrong call', () => {
    fc.assert(
      fc.property(anyStream, fc.nat(), fc.integer({ min: 1, max: 255 }), (stream, at, change) => {
        const bytes = Buffer.from(stream.bytes);
        const place = at % bytes.byteLength;
        bytes.writeUInt8(bytes.readUInt8(place) ^ change, place);
        const { calls, end } = decode([bytes]);
        expect(end.kind).not.toBe('finished');
        expect(callsAfterBlocks(stream)).toContainEqual(calls);
      }),
    );
  });

  test('with anything behind a place tells what is whole before it, and no more', () => {
    fc.assert(
      fc.property(anyStream, fc.nat(), fc.uint8Array({ minLength: 1 }), (stream, at, garbage) => {
        const place = at % (stream.bytes.byteLength + 1);
        const { calls, end } = decode([stream.bytes.subarray(0, place), garbage]);
        expect(callsAfterBlocks(stream)).toContainEqual(calls);
        const isRest = stream.bytes.subarray(place).equals(garbage);
        if (!isRest) expect(end.kind).not.toBe('finished');
      }),
    );
  });

  test('that leaves a block out, or tells one twice, is damaged', () => {
    const [first, second] = [block(0, [callRecord(NO_CALL)]), block(1, [callRecord(NO_CALL)])];
    expect(decode([second])).toEqual({ calls: [], end: { kind: 'damaged' } });
    expect(decode([first, first])).toMatchObject({ calls: [{ call: 'openat' }], end: { kind: 'damaged' } });
  });

  test('whose records are wrong inside a right block is damaged', () => {
    const wrong = [
      callRecord({ ...NO_CALL, call: TABLE.length + 1 }),
      callRecord({ ...NO_CALL, call: 0 }),
      callRecord({ ...NO_CALL, flags: 0x8000 }),
      record(99, Buffer.alloc(200)),
      record(1, Buffer.alloc(20)),
      Buffer.alloc(5),
      Buffer.from([3, 0, 0, 0, 1, 0, 0, 0]),
      Buffer.concat([callRecord(NO_CALL), Buffer.alloc(3)]),
      finishedRecord(0, 0, []).subarray(0, 20),
    ];
    for (const bytes of wrong) expect(decode([block(0, [bytes])])).toEqual({ calls: [], end: { kind: 'damaged' } });
  });

  test('ends with the accounts, the survivors, and whether it was ended early', () => {
    const accounts = [
      { hook: 'openat', counts: [1, 20, 300, 0] },
      { hook: 'sys_enter', counts: [0, 0, 0, 4] },
    ] as const;
    const { end } = decode([block(0, [callRecord(NO_CALL), finishedRecord(1, 5, accounts)])]);
    expect(end).toEqual({
      kind: 'finished',
      endedEarly: true,
      survivors: 5,
      accounts: [
        { hook: 'openat', emitted: 1, dropped: 20, unreadable: 300, missed: 0 },
        { hook: 'sys_enter', emitted: 0, dropped: 0, unreadable: 0, missed: 4 },
      ],
    });
  });

  test('in which calls are missing that the accounts count is damaged', () => {
    const finished = finishedRecord(0, 0, [{ hook: 'openat', counts: [2, 0, 0, 0] }]);
    expect(decode([block(0, [callRecord(NO_CALL), finished])]).end).toEqual({ kind: 'damaged' });
  });
});
