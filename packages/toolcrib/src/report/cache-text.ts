import { formatTable } from './table.ts';
import { formatSize } from './size.ts';

/** The text of `cache ls`. */
export function describeBlobs(cache: {
  readonly directory: string;
  readonly blobs: readonly { readonly digest: string; readonly size: number; readonly addedAt: number }[];
}): string {
  if (cache.blobs.length === 0) return `nothing in ${cache.directory}\n`;
  const rows = cache.blobs.map(({ digest, size, addedAt }) => [
    digest,
    formatSize(size),
    new Date(addedAt).toISOString(),
  ]);
  const total = cache.blobs.reduce((sum, { size }) => sum + size, 0);
  const table = formatTable([{ title: 'DIGEST' }, { title: 'SIZE', align: 'right' }, { title: 'ADDED' }], rows);
  return `${table}${cache.blobs.length} blobs, ${formatSize(total)}, in ${cache.directory}\n`;
}

/** The text of `cache verify`. */
export function describeFindings(cache: {
  readonly directory: string;
  readonly findings: readonly { readonly path: string; readonly kind: string; readonly reason: string }[];
}): string {
  if (cache.findings.length === 0) return `everything in ${cache.directory} is what its name says\n`;
  return cache.findings.map(({ path, kind, reason }) => `${kind}: ${path}: ${reason}\n`).join('');
}
