/** Bytes for a reader, in powers of ten: `17 B`, `1.5 kB`, `109.3 MB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power] ?? 'B'}`;
}

const SHOWN_DIGITS = 12;

/** Enough of a digest for a person to compare by eye. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + SHOWN_DIGITS);
}
