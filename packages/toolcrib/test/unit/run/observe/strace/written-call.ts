import fc from 'fast-check';
import { pathText, type ObservedCall, type Peer } from '../../../../../src/run/observe/observed-call.ts';

/** A call, and how strace writes it: up to the point where another task may come in between, and after it. */
export interface WrittenCall {
  readonly before: string;
  readonly after: string;
  /** Without its task. */
  readonly told: Partial<ObservedCall>;
}

const hexOf = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

/** As strace does under `-x`: everything in hexadecimal as soon as one byte is not ASCII. */
function quoted(bytes: Uint8Array): string {
  const isPlain = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 9 && byte <= 13));
  if (!isPlain) return `"${hexOf(bytes)}"`;
  const text = Buffer.from(bytes).toString('latin1').replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  const escapes = { '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r' };
  return `"${Object.entries(escapes).reduce((all, [raw, name]) => all.replaceAll(raw, `\\${name}`), text)}"`;
}

/** Among them such that look like strace's own words. */
const pathBytes = fc.oneof(
  fc.uint8Array({ minLength: 0, maxLength: 40 }).filter((bytes) => !bytes.includes(0)),
  fc
    .constantFrom('a) = 3', 'x <unfinished ...>', '"', '\\x41', 'é', '/tmp/a, b', '{[(', ' => ', '/* no comment */')
    .map((text) => Buffer.from(text)),
);

const result = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 31 - 1 }).map((value) => ({ text: String(value), value })),
  fc.constant({ text: '-1 ENOENT (No such file or directory)', value: -2 }),
  fc.constant({ text: '-1 EAGAIN (Resource temporarily unavailable)', value: -11 }),
  fc.constant({ text: '? ERESTARTSYS (To be restarted if SA_RESTART is set)', value: -512 }),
  fc.constant({ text: '?', value: undefined }),
);

interface WrittenPeer {
  readonly text: string;
  readonly peer: Peer;
}

const portText = (port: number): string => `"${hexOf(Uint8Array.of(port >> 8, port & 255))}"`;

const inet = fc
  .tuple(fc.nat(65535), fc.uint8Array({ minLength: 4, maxLength: 4 }))
  .map(([port, address]): WrittenPeer => ({
    text: `{sa_family=0x2, sin_port=${portText(port)}, sin_addr="${hexOf(address)}"}`,
    peer: { family: 'inet', address: address.join('.'), port },
  }));
const inet6 = fc.nat(65535).map((port): WrittenPeer => ({
  text: `{sa_family=0xa, sin6_port=${portText(port)}, sin6_flowinfo="\\x00\\x00\\x00\\x00", sin6_addr="${'\\x00'.repeat(15)}\\x01", sin6_scope_id=0}`,
  peer: { family: 'inet6', address: '::1', port },
}));
const unix = fc.tuple(pathBytes, fc.boolean()).map(([path, isAbstract]): WrittenPeer => ({
  text: `{sa_family=0x1, sun_path=${isAbstract ? '@' : ''}${quoted(path)}}`,
  peer: { family: 'unix', path: `${isAbstract ? '@' : ''}${pathText(path)}` },
}));
const other = fc.constant<WrittenPeer>({
  text: '{sa_family=0x10, nl_pid=0, nl_groups=00000000}',
  peer: { family: 'other', number: 16 },
});
const peer = fc.oneof(inet, inet6, unix, other);

const openat = fc
  .record({ path: pathBytes, flags: fc.nat(0xffffff), mode: fc.nat(0o777), result })
  .map(({ path, flags, mode, result: end }): WrittenCall => ({
    before: `openat(-100, ${quoted(path)}, 0x${flags.toString(16)}, 0${mode.toString(8)}`,
    after: `) = ${end.text}`,
    told: { kind: 'open', call: 'openat', path: { given: pathText(path) }, flags, mode, result: end.value },
  }));

const openat2 = fc
  .record({ path: pathBytes, flags: fc.nat(0xffffff), resolve: fc.nat(63), result })
  .map(({ path, flags, resolve, result: end }): WrittenCall => ({
    before: `openat2(3, ${quoted(path)}, {flags=0x${flags.toString(16)}, resolve=0x${resolve.toString(16)}}, 24`,
    after: `) = ${end.text}`,
    told: {
      ...{ kind: 'open', call: 'openat2', path: { given: pathText(path) }, flags, result: end.value },
      ...(resolve !== 0 && { resolve }),
    },
  }));

const connect = fc.record({ peer, result }).map(({ peer: to, result: end }): WrittenCall => ({
  before: `connect(3, ${to.text}, 110`,
  after: `) = ${end.text}`,
  told: { kind: 'connect', call: 'connect', peer: to.peer, result: end.value },
}));

const sendto = fc
  .record({ peer: fc.option(peer, { nil: undefined }), result })
  .map(({ peer: to, result: end }): WrittenCall => ({
    before: `sendto(3, ""..., 5, 0x4000, ${to?.text ?? 'NULL'}, ${to === undefined ? 0 : 16}`,
    after: `) = ${end.text}`,
    told: { kind: 'send', call: 'sendto', peer: to?.peer, result: end.value },
  }));

const sendmsg = fc.record({ peer, result }).map(({ peer: to, result: end }): WrittenCall => ({
  before: `sendmsg(3, {msg_name=${to.text}, msg_namelen=16, msg_iov=[...], msg_iovlen=2, msg_controllen=0, msg_flags=0}, 0`,
  after: `) = ${end.text}`,
  told: { kind: 'send', call: 'sendmsg', peer: to.peer, result: end.value },
}));

/** Written when the call has returned. */
const accept = fc.record({ peer }).map(({ peer: from }): WrittenCall => ({
  before: 'accept4(3,',
  after: ` ${from.text}, [128 => 16], 0x80000) = 4`,
  told: { kind: 'effect', call: 'accept4', paths: [], peer: from.peer, result: 4 },
}));

const execve = fc.record({ path: pathBytes, result }).map(({ path, result: end }): WrittenCall => ({
  before: `execve(${quoted(path)}, [...], 0x7ffd6e999c38 /* 35 vars */`,
  after: `) = ${end.text}`,
  told: { kind: 'exec', call: 'execve', path: { given: pathText(path) }, result: end.value },
}));

const rename = fc.record({ from: pathBytes, to: pathBytes, result }).map(({ from, to, result: end }): WrittenCall => ({
  before: `renameat2(-100, ${quoted(from)}, -100, ${quoted(to)}, 0x1`,
  after: `) = ${end.text}`,
  told: {
    ...{ kind: 'effect', call: 'renameat2', result: end.value },
    paths: [{ given: pathText(from) }, { given: pathText(to) }],
  },
}));

export const writtenCall = fc.oneof(openat, openat2, connect, sendto, sendmsg, accept, execve, rename);
