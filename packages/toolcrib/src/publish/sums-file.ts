import { readFile } from 'node:fs/promises';
import { UsageError } from '../core/errors.ts';
import { coverageOf } from '../core/sums-coverage.ts';
import { formatSums, type Sums } from '../core/sums.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import type { ReleaseSubject } from './release-artifacts.ts';

/**
 * Writes the project's sums file, the trust anchor: exactly the targets of exactly this version, as a whole.
 * @param path absolute.
 * @returns false when it is that already: then nothing is written.
 * @throws UsageError `SUMS_INVALID` when the sums are not exactly that; RemoteError `STORAGE`; the signal's reason.
 */
export async function writeSumsFile(
  path: string,
  sums: Sums,
  subject: ReleaseSubject,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<boolean> {
  const { isExact, wanted, named } = coverageOf(sums, subject);
  if (!isExact) {
    throw new UsageError('SUMS_INVALID', `${path} has to pin ${wanted.join(', ')}, not ${named.join(', ')}`, {
      hint: 'build every target of toolcrib.json, and nothing else, before publishing',
    });
  }
  const text = formatSums(sums);
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false;
  await writeFileAtomically(path, text, options);
  return true;
}
