import { AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC } from '../address-families.ts';
import { formatInet6 } from '../inet6-text.ts';
import { pathText, type Peer } from '../observed-call.ts';
import { fieldOf, numberOf, type TracedValue } from './traced-value.ts';

/** The address in `{sa_family=…}`; undefined for `NULL` and for what strace could not read. */
export function peerOf(value: TracedValue | undefined): Peer | undefined {
  const family = numberOf(fieldOf(value, 'sa_family'));
  if (family === undefined) return undefined;
  if (family === AF_UNIX) return { family: 'unix', path: unixPath(fieldOf(value, 'sun_path')) };
  if (family !== AF_INET && family !== AF_INET6) return { family: 'other', number: family };
  const isFour = family === AF_INET;
  const port = portOf(fieldOf(value, isFour ? 'sin_port' : 'sin6_port'));
  const address = isFour
    ? addressOf(fieldOf(value, 'sin_addr'), 4)
    : (addressOf(fieldOf(value, 'sin6_addr'), 16) ?? convertedInet6(value));
  // An address that is shorter than its family's: the kernel refuses it, whatever it holds.
  if (port === undefined || address === undefined) return { family: 'other', number: family };
  return { family: isFour ? 'inet' : 'inet6', address, port };
}

/** Bytes of a `struct sockaddr_in` behind its family. */
const INET_DATA_BYTES = 14;

/**
 * Where a send goes that names this address: a UDP or raw socket of IPv4 takes one without a family for one of its own. In
 * a connect that is none: it ends a connection.
 */
export function destinationOf(value: TracedValue | undefined): Peer | undefined {
  const data = fieldOf(value, 'sa_data');
  const isInet = numberOf(fieldOf(value, 'sa_family')) === AF_UNSPEC && data?.kind === 'string' && !data.cut;
  if (!isInet || data.bytes.length < INET_DATA_BYTES) return peerOf(value);
  const bytes = Buffer.from(data.bytes, 'latin1');
  return { family: 'inet', address: bytes.subarray(2, 6).join('.'), port: bytes.readUInt16BE() };
}

function unixPath(value: TracedValue | undefined): string {
  if (value?.kind !== 'string') return '';
  const text = pathText(Buffer.from(value.bytes, 'latin1'));
  return value.isAbstract ? `@${text}` : text;
}

/** `"\x00\x50"`, or `htons(80)` of an older strace. */
function portOf(value: TracedValue | undefined): number | undefined {
  if (value?.kind === 'wrapped' && value.name === 'htons') return numberOf(value.items[0]?.value);
  if (value?.kind !== 'string' || value.bytes.length !== 2) return undefined;
  return Buffer.from(value.bytes, 'latin1').readUInt16BE();
}

/** `"\x7f\x00\x00\x01"`, or `inet_addr("127.0.0.1")` of an older strace. */
function addressOf(value: TracedValue | undefined, length: 4 | 16): string | undefined {
  if (value?.kind === 'wrapped' && value.name === 'inet_addr') return textOf(value.items[0]?.value);
  if (value?.kind !== 'string' || value.bytes.length !== length) return undefined;
  const bytes = Buffer.from(value.bytes, 'latin1');
  return length === 4 ? bytes.join('.') : formatInet6(bytes);
}

/** `inet_pton(10, "::1", &sin6_addr)` of an older strace: it is no field with a name. */
function convertedInet6(value: TracedValue | undefined): string | undefined {
  if (value?.kind !== 'group') return undefined;
  for (const { value: item } of value.items) {
    if (item.kind === 'wrapped' && item.name === 'inet_pton') return textOf(item.items[1]?.value);
  }
  return undefined;
}

function textOf(value: TracedValue | undefined): string | undefined {
  return value?.kind === 'string' ? value.bytes : undefined;
}
