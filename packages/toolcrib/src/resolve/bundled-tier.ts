import { join } from 'node:path';
import { hasCode, IntegrityError } from '../core/errors.ts';
import { digestFile, type MeasuredFile } from '../disk/digest-file.ts';
import { report, type Found, type ReportFacts, type Search, type Tier } from './search.ts';

/** Folders that came with the project or package. The file is used where it is, and checked each time. */
export const bundledTier: Tier = {
  name: 'bundled',
  places: ({ request, artifact }) => request.pins.binaries.map((folder) => join(folder, artifact.name)),
  async look(search) {
    const paths = bundledTier.places(search);
    for (const [index, path] of paths.entries()) {
      const found = await lookAt(search, path);
      if (found === undefined) continue;
      for (const other of paths.slice(index + 1)) report(search, 'bundled', other, 'skipped', 'it was found before');
      return found;
    }
    if (paths.length > 0) warnOfBrokenPackage(search);
    return undefined;
  },
};

/** Who installed a package was meant to get the artifact with it. */
function warnOfBrokenPackage({ request, artifact }: Search): void {
  if (request.install?.state !== 'package') return;
  request.reporter.notice({
    kind: 'warning',
    text: `the package is broken: it came without ${artifact.name}, which belongs into ${request.pins.binaries.join(' or ')}`,
    hint: 'tell who released the package ("toolcrib fetch --all" before packaging); stores are asked instead',
  });
}

async function lookAt(search: Search, path: string): Promise<Found | undefined> {
  const since = search.request.clock.elapsed();
  const measured = await measureBundled(path, search.request.signal);
  if (measured === undefined) {
    report(search, 'bundled', path, 'missing', 'there is no such file', { since });
    return undefined;
  }
  const facts = { size: measured.size, since };
  verifyPin(search, path, measured, facts);
  report(search, 'bundled', path, 'found', 'it has the pinned digest', facts);
  return { tier: 'bundled', path, url: null, store: null };
}

/** What a file of a binaries folder holds; undefined when it is not there. @throws RemoteError `STORAGE`. */
export async function measureBundled(path: string, signal: AbortSignal | undefined): Promise<MeasuredFile | undefined> {
  try {
    return await digestFile(path, { signal });
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function verifyPin(search: Search, path: string, measured: MeasuredFile, facts: ReportFacts): void {
  const { digest } = search.artifact;
  if (measured.digest === digest) return;
  report(search, 'bundled', path, 'refused', `it has digest ${measured.digest}`, facts);
  const { sumsFile } = search.request.pins;
  throw new IntegrityError(
    'DIGEST_MISMATCH',
    `the bundled file ${path} is not what is pinned: it has digest ${measured.digest}, ${sumsFile} pins ${digest}`,
    {
      hint: 'remove the file, then it is fetched from a store; or put the published one there',
      details: { path, expected: digest, actual: measured.digest },
    },
  );
}
