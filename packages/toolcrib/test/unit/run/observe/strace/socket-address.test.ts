import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatInet6 } from '../../../../../src/run/observe/inet6-text.ts';
import { destinationOf, peerOf } from '../../../../../src/run/observe/strace/socket-address.ts';
import { readList } from '../../../../../src/run/observe/strace/traced-value.ts';

const valueOf = (text: string) => readList(`${text})`, 0, ')')?.items[0]?.value;

test('an IPv6 address is written as the Web writes it', () => {
  const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const long = groups.map((one) => one.toString(16)).join(':');
      fc.pre(!long.startsWith('0:0:0:0:0:ffff:'));
      const bytes = Uint8Array.from(groups.flatMap((one) => [one >> 8, one & 255]));
      expect(`[${formatInet6(bytes)}]`).toBe(new URL(`http://[${long}]`).hostname);
    }),
  );
});

test('an IPv4 address in an IPv6 one is written as such', () => {
  expect(formatInet6(Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4]))).toBe('::ffff:1.2.3.4');
});

test.each([
  [
    '{sa_family=0x2, sin_port=htons(80), sin_addr=inet_addr("1.2.3.4")}',
    { family: 'inet', address: '1.2.3.4', port: 80 },
  ],
  [
    '{sa_family=0xa, sin6_port=htons(53), sin6_flowinfo=htonl(0), inet_pton(0xa, "fe80::1", &sin6_addr), sin6_scope_id=0}',
    { family: 'inet6', address: 'fe80::1', port: 53 },
  ],
  ['{sa_family=0x2}', { family: 'other', number: 2 }],
  ['{sa_family=0}', { family: 'other', number: 0 }],
  ['NULL', undefined],
  ['0x7ffe00', undefined],
])('%s is read', (text, peer) => {
  expect(peerOf(valueOf(text))).toEqual(peer);
});

test('an address without a family is IPv4 where a send names it whole, and none of a connect', () => {
  const data = String.raw`\x00\x35\xcb\x00\x71\x0a`;
  const whole = valueOf(`{sa_family=0, sa_data="${data}${String.raw`\x00`.repeat(8)}"}`);
  expect(destinationOf(whole)).toEqual({ family: 'inet', address: '203.0.113.10', port: 53 });
  expect(peerOf(whole)).toEqual({ family: 'other', number: 0 });
  expect(destinationOf(valueOf(`{sa_family=0, sa_data="${data}"}`))).toEqual({ family: 'other', number: 0 });
  expect(destinationOf(valueOf('{sa_family=0x10, nl_pid=0, nl_groups=00000000}'))).toEqual({
    family: 'other',
    number: 16,
  });
});
