import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLoopback } from '../../../src/core/loopback.ts';

const octet = fc.nat({ max: 255 });

describe('a host that is this machine', () => {
  test.each(['localhost', '::1', '[::1]'])('is %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  test('is each address of the network 127, and only that', () => {
    fc.assert(
      fc.property(octet, octet, octet, octet, (first, ...others) => {
        expect(isLoopback([127, ...others].join('.'))).toBe(true);
        expect(isLoopback([first, ...others].join('.'))).toBe(first === 127);
      }),
    );
  });

  test('is no name that only begins or ends as one', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('localhost', '127.0.0.1', '::1', '[::1]'),
        fc.constantFrom('.', '-', ':', '/', '@', '\n', ' ', '0', 'x'),
        fc.stringMatching(/^[a-z0-9.-]{0,12}$/),
        (host, sign, rest) => {
          fc.pre(host !== '127.0.0.1' || !/^[0-9]{1,2}$/.test(sign + rest));
          expect(isLoopback(`${host}${sign}${rest}`)).toBe(false);
          expect(isLoopback(`${rest}.${host}`)).toBe(false);
        },
      ),
    );
  });

  test.each(['127.0.0.256', '127.0.0', '127.1', '127.0.0.1.evil.example', '0127.0.0.1', '::ffff:127.0.0.1', ''])(
    'is not %j',
    (host) => {
      expect(isLoopback(host)).toBe(false);
    },
  );
});
