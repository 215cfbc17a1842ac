import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDestination, parsePeer } from '../../../../../src/run/observe/tracer/peer.ts';

const port = fc.integer({ min: 0, max: 65535 });

function inet6(address: readonly number[], number: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(10);
  bytes.writeUInt16BE(number, 2);
  Buffer.from(address).copy(bytes, 8);
  return bytes;
}

describe('the peer in a struct sockaddr', () => {
  test('of IPv4 is dotted, with its port', () => {
    const address = fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 0, max: 255 })));
    fc.assert(
      fc.property(address, port, (parts, number) => {
        const bytes = Buffer.from([2, 0, number >> 8, number & 0xff, ...parts, 0, 0, 0, 0, 0, 0, 0, 0]);
        expect(parsePeer(bytes)).toEqual({ family: 'inet', address: parts.join('.'), port: number });
      }),
    );
  });

  test('of IPv6 is the text that URLs have for it', () => {
    const byte = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(byte, { minLength: 16, maxLength: 16 }), port, (address, number) => {
        const isMapped = address.slice(0, 12).join() === '0,0,0,0,0,0,0,0,0,0,255,255';
        fc.pre(!isMapped);
        const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) =>
          (((address[at] ?? 0) << 8) | (address[at + 1] ?? 0)).toString(16),
        );
        const peer = parsePeer(inet6(address, number));
        const expected = new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
        expect(peer).toEqual({ family: 'inet6', address: expected, port: number });
      }),
    );
  });

  test('of IPv6 that maps IPv4 ends in dots', () => {
    const address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1];
    const peer = parsePeer(inet6(address, 1));
    expect(peer).toMatchObject({ address: '::ffff:127.0.0.1' });
  });

  test.each([
    ['a path with what is behind its NUL', '/run/x\0\0rest', '/run/x'],
    ['a path that fills its room', 'x'.repeat(108), 'x'.repeat(108)],
    ['an abstract name, NULs and all', '\0a\0b', '@a\0b'],
    ['no name', '', ''],
    ['an empty name', '\0', ''],
  ])('of unix has %s', (_name, bytes, path) => {
    expect(parsePeer(Buffer.concat([Buffer.from([1, 0]), Buffer.from(bytes)]))).toEqual({ family: 'unix', path });
  });

  test('of another family is its number, and so is one that is too short', () => {
    expect(parsePeer(Buffer.from([16, 0, 1, 2]))).toEqual({ family: 'other', number: 16 });
    expect(parsePeer(Buffer.from([2, 0, 0, 80]))).toEqual({ family: 'other', number: 2 });
    expect(parsePeer(inet6([], 1).subarray(0, 20))).toEqual({ family: 'other', number: 10 });
    expect(parsePeer(Buffer.from([2]))).toBeUndefined();
  });

  test('without a family is IPv4 where a send names it whole, and none of a connect', () => {
    const bytes = Buffer.from([0, 0, 0, 53, 203, 0, 113, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
    const inet = { family: 'inet', address: '203.0.113.10', port: 53 };
    expect(parseDestination(bytes)).toEqual(inet);
    expect(parseDestination(Buffer.concat([bytes, Buffer.alloc(12)]))).toEqual(inet);
    expect(parseDestination(bytes.subarray(0, 15))).toEqual({ family: 'other', number: 0 });
    expect(parsePeer(bytes)).toEqual({ family: 'other', number: 0 });
    expect(parseDestination(inet6([], 1))).toEqual(parsePeer(inet6([], 1)));
    expect(parseDestination(Buffer.alloc(0))).toBeUndefined();
  });
});
