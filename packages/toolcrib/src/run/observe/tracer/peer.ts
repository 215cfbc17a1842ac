import { AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC } from '../address-families.ts';
import { formatInet6 } from '../inet6-text.ts';
import { pathText, type Peer } from '../observed-call.ts';

const INET_BYTES = 8;
/** `sizeof(struct sockaddr_in)`: a send takes no less without a family. */
const SOCKADDR_IN_BYTES = 16;
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

/**
 * Where a send goes that names this address: a UDP or raw socket of IPv4 takes one without a family for one of its own. In
 * a connect that is none: it ends a connection.
 */
export function parseDestination(address: Buffer): Peer | undefined {
  const isInet = address.byteLength >= SOCKADDR_IN_BYTES && address.readUInt16LE(0) === AF_UNSPEC;
  return isInet ? inet(address) : parsePeer(address);
}

function inet(address: Buffer): Peer {
  const [a = 0, b = 0, c = 0, d = 0] = address.subarray(4, INET_BYTES);
  return { family: 'inet', address: `${a}.${b}.${c}.${d}`, port: address.readUInt16BE(2) };
}

function inet6(address: Buffer): Peer {
  const text = formatInet6(address.subarray(8, INET6_BYTES));
  return { family: 'inet6', address: text, port: address.readUInt16BE(2) };
}

/** Up to the first NUL; an abstract name, which begins with one, has all its bytes. */
function unixPath(name: Buffer): string {
  if (name.byteLength === 0) return '';
  if (name[0] === 0) return name.byteLength === 1 ? '' : `@${pathText(name.subarray(1))}`;
  const end = name.indexOf(0);
  return pathText(end === -1 ? name : name.subarray(0, end));
}
