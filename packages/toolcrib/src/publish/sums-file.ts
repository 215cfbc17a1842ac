import { UsageError } from '../core/errors.ts';
import { coverageOf } from '../core/sums-coverage.ts';
import { formatSums, type Sums } from '../core/sums.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import type { ReleaseSubject } from './release-artifacts.ts';

/**
 * Writes the project's sums file, the trust anchor: exactly the targets of exactly this version, as a whole.
 * @param path absolute.
 * @throws UsageError `SUMS_INVALID` when the sums are not exactly that; RemoteError `STORAGE`; the signal's reason.
 */
export async function writeSumsFile(
  path: string,
  sums: Sums,
  subject: ReleaseSubject,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { isExact, wanted, named } = coverageOf(sums, subject);
  if (!isExact) {
    throw new UsageError('SUMS_INVALID', `${path} has to pin ${wanted.join(', ')}, not ${named.join(', ')}`, {
      hint: 'build every target of toolcrib.json, and nothing else, before publishing',
    });
  }
  await writeFileAtomically(path, formatSums(sums), options);
}
