/**
 * All authorities to trust when some are added: naming any replaces Node's own, so those are named too.
 * @param pem undefined or empty: nothing is added, and Node's defaults apply.
 */
export async function trustedAuthorities(pem: string | undefined): Promise<string[] | undefined> {
  if (pem === undefined || pem.trim() === '') return undefined;
  const { getCACertificates } = await import('node:tls');
  return [...getCACertificates('default'), pem];
}
