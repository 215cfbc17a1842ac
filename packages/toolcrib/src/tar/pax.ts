/** Records of POSIX extended headers (pax(1), "pax Extended Header"): `LENGTH KEY=VALUE\n`, LENGTH counts itself. */

/** Records in the order given. Same input, same bytes. */
export function formatPaxRecords(records: readonly (readonly [key: string, value: string])[]): Uint8Array {
  return Buffer.from(records.map(([key, value]) => formatRecord(key, value)).join(''));
}

function formatRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (bytes + String(length).length > length) length += 1;
  return `${length}${rest}`;
}

/** Values are bytes, because extended attributes are. Undefined when it is not a sequence of records. Of a repeated key the last value counts, as POSIX says. */
export function paxRecordsFrom(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < buffer.length;) {
    const record = recordAt(buffer, at);
    if (record === undefined) return undefined;
    records.set(record.key, record.value);
    at += record.length;
  }
  return records;
}

function recordAt(buffer: Buffer, at: number): { length: number; key: string; value: Uint8Array } | undefined {
  const digits = /^([1-9][0-9]{0,7}) /.exec(buffer.toString('latin1', at, at + 9))?.[1];
  const length = Number(digits);
  const start = at + (digits?.length ?? 0) + 1;
  const end = at + length - 1;
  if (digits === undefined || end < start || end >= buffer.length || buffer[end] !== 0x0a) return undefined;
  const equals = buffer.indexOf('=', start);
  if (equals <= start || equals >= end) return undefined;
  return { length, key: buffer.toString('latin1', start, equals), value: buffer.subarray(equals + 1, end) };
}
