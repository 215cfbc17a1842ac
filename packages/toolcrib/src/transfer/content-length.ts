/**
 * Reads a `Content-Length` header.
 * @returns bytes, as the sender says it; undefined when it says nothing that is a length.
 */
export function parseContentLength(header: string | undefined): number | undefined {
  return header !== undefined && /^[0-9]{1,15}$/.test(header) ? Number(header) : undefined;
}
