/** JSON that somebody else wrote; undefined also for what is none. */
export function jsonFrom(bytes: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** What stands at a path of keys in JSON that somebody else wrote; undefined when it is not there. */
export function fieldOf(value: unknown, ...keys: readonly string[]): unknown {
  let at = value;
  for (const key of keys) {
    if (!isRecord(at)) return undefined;
    at = Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

/** The text at a path of keys; undefined when it is not text. */
export function textOf(value: unknown, ...keys: readonly string[]): string | undefined {
  const found = fieldOf(value, ...keys);
  return typeof found === 'string' ? found : undefined;
}

/** The elements at a path of keys; none when it is not an array. */
export function listOf(value: unknown, ...keys: readonly string[]): readonly unknown[] {
  const found = fieldOf(value, ...keys);
  return Array.isArray(found) ? found : [];
}

/** The keys of the object at a path; none when it is not an object. */
export function keysOf(value: unknown, ...keys: readonly string[]): readonly string[] {
  const found = fieldOf(value, ...keys);
  return isRecord(found) ? Object.keys(found) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
