import { join } from 'node:path';
import { hasCode, IntegrityError } from '../core/errors.ts';
import { digestFile, type MeasuredFile } from '../disk/digest-file.ts';
import { report, type Found, type Search, type Tier } from './search.ts';

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
    return undefined;
  },
};

async function lookAt(search: Search, path: string): Promise<Found | undefined> {
  const measured = await measure(path, search.request.signal);
  if (measured === undefined) {
    report(search, 'bundled', path, 'missing', 'there is no such file');
    return undefined;
  }
  verifyPin(search, path, measured);
  report(search, 'bundled', path, 'found', 'it has the pinned digest');
  return { tier: 'bundled', path, url: null, store: null };
}

async function measure(path: string, signal: AbortSignal | undefined): Promise<MeasuredFile | undefined> {
  try {
    return await digestFile(path, { signal });
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function verifyPin(search: Search, path: string, measured: MeasuredFile): void {
  const { digest } = search.artifact;
  if (measured.digest === digest) return;
  report(search, 'bundled', path, 'refused', `it has digest ${measured.digest}`);
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
