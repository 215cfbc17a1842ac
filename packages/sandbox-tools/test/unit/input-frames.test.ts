import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFrameParser, FrameError } from '../../src/input-frames.ts';
import { frameOf } from '../tool.ts';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 50 }).map((array) => Buffer.from(array));

describe('an input in frames', () => {
  it('is what was put into them, however it is cut on the way, and ends at the empty one', () => {
    fc.assert(
      fc.property(fc.array(bytes), bytes, fc.integer({ min: 1, max: 20 }), (contents, behind, size) => {
        const parser = createFrameParser();
        const sent = Buffer.concat([...contents.map(frameOf), frameOf(''), behind]);
        const heard: Buffer[] = [];
        for (let at = 0; at < sent.length; at += size) heard.push(...parser.push(sent.subarray(at, at + size)));
        expect(Buffer.concat(heard)).toEqual(Buffer.concat(contents));
        expect(parser.hasEnded()).toBe(true);
      }),
    );
  });

  it('has not ended as long as the empty frame has not come', () => {
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1 }), fc.nat(3), (contents, cut) => {
        const parser = createFrameParser();
        parser.push(Buffer.concat([...contents.map(frameOf), Buffer.alloc(cut)]));
        expect(parser.hasEnded()).toBe(false);
      }),
    );
  });

  it('is refused when a frame claims to be larger than anybody sends', () => {
    const parser = createFrameParser();
    expect(() => parser.push(Buffer.from('garbage'))).toThrow(FrameError);
  });
});
