const OCTET = String.raw`(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])`;
const LOOPBACK = new RegExp(String.raw`^(?:localhost|::1|\[::1\]|127(?:\.${OCTET}){3})$`);

/**
 * True for a host that is this machine, so that nothing that is sent to it leaves it: `localhost`, and the addresses of
 * RFC 1122, 3.2.1.3 and RFC 4291, 2.5.3.
 * @param host without its port; IPv6 as it is or, as in a URL, in brackets.
 */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
