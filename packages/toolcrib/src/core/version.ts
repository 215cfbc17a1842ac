import { UsageError } from './errors.ts';

/** Versions are ordinals: 1, 2, 3 …, small enough to be exact. */
export function isVersion(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

/**
 * Reads a version file: one integer without leading zeros, and a newline (which may be missing).
 * @param path named in the error.
 * @throws UsageError `VERSION_INVALID`.
 */
export function parseVersionFile(text: string, path: string): number {
  const match = /^([1-9][0-9]*)\r?\n?$/.exec(text);
  const version = Number(match?.[1]);
  if (isVersion(version)) return version;
  throw new UsageError(
    'VERSION_INVALID',
    `${path}:1: expected one integer, found ${JSON.stringify(text.slice(0, 80))}`,
    {
      hint: 'a version file holds one whole number from 1 on and a newline, e.g. "2\\n"',
      details: { path },
    },
  );
}

/** The text of a version file. */
export function formatVersionFile(version: number): string {
  return `${version}\n`;
}
