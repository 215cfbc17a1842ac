import type { AttestationFile } from '../attestations/attestation.ts';
import { IntegrityError, NotFoundError } from '../core/errors.ts';
import { releaseManifestName, storedSumsName } from '../core/release-names.ts';
import { sumsOfManifest, type ReleaseManifest } from '../core/release.ts';
import { differentNames, type Sums } from '../core/sums.ts';
import { readStoredAttestations } from '../releases/attestation-files.ts';
import { readStoredBytes, type ReadableStore } from '../releases/stored-file.ts';
import { contradiction, parseStoredManifest, parseStoredSums, type ReleaseId } from '../releases/stored-release.ts';

/** A complete release in the store that it is copied from; its small files as they stand there. */
export interface SourceRelease extends ReleaseId {
  readonly sums: Sums;
  readonly sumsBytes: Uint8Array;
  readonly manifest: ReleaseManifest;
  readonly manifestBytes: Uint8Array;
  readonly attestations: readonly AttestationFile[];
}

/**
 * Reads everything of a release but its artifacts. Nothing of it is verified against a pin.
 * @throws NotFoundError `NOT_FOUND` when there is no such release, or it is not complete; IntegrityError `MALFORMED`,
 * `VERSION_MISMATCH`, `TOO_LARGE`; as `Fetcher.fetch`.
 */
export async function readSourceRelease(
  store: ReadableStore,
  id: ReleaseId,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<SourceRelease> {
  const { tool, version } = id;
  const sumsBytes = await readStoredBytes(store, storedSumsName(tool, version), options);
  const manifestBytes = await readStoredBytes(store, releaseManifestName(tool, version), options);
  if (manifestBytes === undefined) throw incomplete(store, id, sumsBytes !== undefined);
  if (sumsBytes === undefined) throw contradiction(store, id, undefined);
  const sums = parseStoredSums(sumsBytes.toString('utf8'), store, id);
  const manifest = parseStoredManifest(manifestBytes.toString('utf8'), store, id);
  const different = differentNames(sums, sumsOfManifest(manifest));
  if (different.length > 0) throw contradiction(store, id, different);
  const attestations = await attestationsOf(store, manifest, options);
  return { tool, version, sums, sumsBytes, manifest, manifestBytes, attestations };
}

function incomplete(store: ReadableStore, { tool, version }: ReleaseId, claimed: boolean): NotFoundError {
  const what = claimed ? 'is claimed, but was never completed' : 'is not there';
  return new NotFoundError('NOT_FOUND', `${tool} v${version} ${what} in ${store.reference}`, {
    hint: claimed
      ? 'only complete releases are copied: let whoever published it repeat "toolcrib publish"'
      : '"toolcrib status" tells what stores hold; --version names another',
    details: { tool, version, claimed },
  });
}

async function attestationsOf(
  store: ReadableStore,
  manifest: ReleaseManifest,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<readonly AttestationFile[]> {
  const files: AttestationFile[] = [];
  for (const { name } of manifest.files) files.push(...(await readStoredAttestations(store, name, options)));
  const names = files.map(({ name }) => name);
  const gone = manifest.files.flatMap(({ attestation }) =>
    attestation === null || names.includes(attestation) ? [] : [attestation],
  );
  if (gone.length === 0) return files;
  throw new IntegrityError('MALFORMED', `${store.reference} has no ${gone.join(', ')}, which its manifest names`, {
    hint: 'the store lost files, or somebody took them away: copy from another one',
    details: { missing: gone },
  });
}
