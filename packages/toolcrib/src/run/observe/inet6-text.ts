const MAPPED = /^(?:0:){5}ffff:/;

/** As RFC 5952 writes it. @param bytes 16. */
export function formatInet6(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2).toString(16)).join(':');
  if (MAPPED.test(groups)) return `::ffff:${bytes.subarray(12).join('.')}`;
  const run = longestZeros(groups.split(':').map((group) => group === '0'));
  if (run === undefined) return groups;
  const all = groups.split(':');
  return `${all.slice(0, run.from).join(':')}::${all.slice(run.to).join(':')}`;
}

/** The longest run of zeros, the first of several; undefined when there is none of two. */
function longestZeros(isZero: readonly boolean[]): { readonly from: number; readonly to: number } | undefined {
  let longest = { from: 0, to: 1 };
  for (let from = 0; from < isZero.length; from++) {
    let to = from;
    while (isZero[to] === true) to++;
    if (to - from > longest.to - longest.from) longest = { from, to };
  }
  return longest.to - longest.from > 1 ? longest : undefined;
}
