import { pathText, type Peer } from '../observed-call.ts';

// Of Linux, the same on both architectures.
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const INET_BYTES = 8;
const INET6_BYTES = 24;

/**
 * A `struct sockaddr` as it stands in memory.
 * @returns undefined when there is none. One that is shorter than its family's is `other`: the kernel refuses it,
 * whatever it holds.
 */
export function parsePeer(address: Buffer): Peer | undefined {
  if (address.byteLength < 2) return undefined;
  const family = address.readUInt16LE(0);
  if (family === AF_UNIX) return { family: 'unix', path: unixPath(address.subarray(2)) };
  if (family === AF_INET && address.byteLength >= INET_BYTES) return inet(address);
  if (family === AF_INET6 && address.byteLength >= INET6_BYTES) return inet6(address);
  return { family: 'other', number: family };
}

function inet(address: Buffer): Peer {
  const [a = 0, b = 0, c = 0, d = 0] = address.subarray(4, INET_BYTES);
  return { family: 'inet', address: `${a}.${b}.${c}.${d}`, port: address.readUInt16BE(2) };
}

function inet6(address: Buffer): Peer {
  const groups = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(8 + 2 * index));
  return { family: 'inet6', address: inet6Text(groups), port: address.readUInt16BE(2) };
}

/** As RFC 5952 writes it: the first longest run of at least two zeros is left out; mapped IPv4 addresses end in dots. */
function inet6Text(groups: readonly number[]): string {
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return `::ffff:${dotted(groups)}`;
  const { begin, length } = longestZeros(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, begin))}::${text(groups.slice(begin + length))}`;
}

function dotted(groups: readonly number[]): string {
  const [high = 0, low = 0] = groups.slice(6);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

function longestZeros(groups: readonly number[]): { begin: number; length: number } {
  let best = { begin: 0, length: 0 };
  for (let begin = 0; begin < groups.length; begin++) {
    let end = begin;
    while (groups[end] === 0) end += 1;
    if (end - begin > best.length) best = { begin, length: end - begin };
  }
  return best;
}

/** Up to the first NUL; an abstract name, which begins with one, has all its bytes. */
function unixPath(name: Buffer): string {
  if (name.byteLength === 0) return '';
  if (name[0] === 0) return name.byteLength === 1 ? '' : `@${pathText(name.subarray(1))}`;
  const end = name.indexOf(0);
  return pathText(end === -1 ? name : name.subarray(0, end));
}
