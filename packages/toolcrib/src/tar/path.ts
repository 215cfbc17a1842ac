/** Longest name in bytes; Linux's PATH_MAX. */
const MAX_PATH_BYTES = 4096;
const MAX_DEPTH = 128;

/**
 * Why a name cannot stand in a tree that is unpacked somewhere: absolute, with empty, `.` or `..` components, with NUL,
 * too long or too deep. Undefined when it can. Backslashes are ordinary characters on Linux.
 */
export function unsafePathReason(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.startsWith('/')) return 'is absolute';
  if (path.includes('\0')) return 'contains NUL';
  if (!path.isWellFormed()) return 'is not valid Unicode';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`;
  const components = path.split('/');
  if (components.length > MAX_DEPTH) return `has more than ${MAX_DEPTH} components`;
  const unsafe = components.find((name) => name === '' || name === '.' || name === '..');
  return unsafe === undefined ? undefined : `has a component ${JSON.stringify(unsafe)}`;
}

/** The directories above a path, the outermost first: `a/b/c` has `a` and `a/b`. */
export function parentsOf(path: string): readonly string[] {
  const components = path.split('/').slice(0, -1);
  return components.map((_, index) => components.slice(0, index + 1).join('/'));
}

/** Orders by code point. JavaScript's own order is by UTF-16 unit, which differs above U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
