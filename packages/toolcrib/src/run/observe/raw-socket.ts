import { AF_NETLINK, AF_PACKET, AF_UNIX } from './address-families.ts';

/** What a type is without the flags that are given with it. */
const TYPE_MASK = 0xf;
const SOCK_RAW = 3;
const SOCK_PACKET = 10;

/**
 * Whether a socket is one whose packets the program writes and reads itself, so that no address of a call tells where they
 * go. Netlink and unix sockets are not, whatever their type: they lead to the kernel and to this machine.
 * @param family and `type` as `socket(2)` takes them.
 */
export function isRawSocket(family: number, type: number): boolean {
  const kind = type & TYPE_MASK;
  if (family === AF_PACKET || kind === SOCK_PACKET) return true;
  return kind === SOCK_RAW && family !== AF_UNIX && family !== AF_NETLINK;
}

/** What was asked for, in a few words. */
export function socketText(family: number, type: number): string {
  return `family ${family}, type ${type & TYPE_MASK}`;
}
