const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** True for names that a store may hold: flat, and the same in a path, a URL and an object key. */
export function isStoreFileName(name: string): boolean {
  return FILE_NAME.test(name);
}

/**
 * Guards the way from a name to a path or URL.
 * @throws Error, a bug in toolcrib: names come from the formatters of core, never from outside.
 */
export function assertStoreFileName(name: string): void {
  if (!isStoreFileName(name)) throw new Error(`not the name of a release file: ${JSON.stringify(name)}`);
}

/** What a store says of the names that it found, as the port promises it. */
export function listedNames(names: readonly string[], prefix: string): readonly string[] {
  return names.filter((name) => name.startsWith(prefix) && isStoreFileName(name)).sort(byCodePoint);
}

/** File names are ASCII, where code units and code points are the same. */
function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a === b ? 0 : 1;
}
