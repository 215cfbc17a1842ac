import type { PeerRecord } from '../layers/effect-event.ts';
import { AF_NETLINK, AF_UNSPEC } from '../observe/address-families.ts';
import type { Peer } from '../observe/observed-call.ts';

/** `1.2.3.4:80`, `[::1]:80`; undefined for a peer that is no IP endpoint. */
export function endpointText(peer: Peer): string | undefined {
  if (peer.family === 'inet') return `${peer.address}:${peer.port}`;
  return peer.family === 'inet6' ? `[${peer.address}]:${peer.port}` : undefined;
}

/** Whether nobody but the kernel of this machine is behind a peer: netlink, and a connect that ends a connection. */
export function leadsNowhere(kind: 'connect' | 'send', { number }: Extract<Peer, { family: 'other' }>): boolean {
  return number === AF_NETLINK || (number === AF_UNSPEC && kind === 'connect');
}

/** What our own members tell of a peer. @param redacted makes a text fit to be written. */
export function peerRecord(peer: Peer, redacted: (text: string) => string): PeerRecord {
  if (peer.family === 'unix') return { family: 'unix', path: redacted(peer.path) };
  if (peer.family === 'other') return { family: 'other', number: peer.number };
  return { family: peer.family, endpoint: redacted(endpointText(peer) ?? '') };
}
