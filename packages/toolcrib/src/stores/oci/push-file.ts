import type { OciDocument, OciFile } from '../../core/oci-release.ts';
import { onePiece } from '../../core/one-piece.ts';
import type { ByteSource } from '../store.ts';
import type { OciDescriptor } from '../../core/oci-descriptor.ts';
import { manifestOf, type FileManifest } from './file-manifest.ts';
import { pushManifest } from './manifests.ts';
import { pushBlob } from './push-blob.ts';
import { pushReferrer } from './referrers.ts';
import type { Repository } from './repository.ts';

/**
 * Brings a file and its manifest into the repository, by digest: nobody finds it by a name yet.
 * @param subject what it attests.
 */
export async function pushFile(
  repository: Repository,
  name: string,
  source: ByteSource,
  options: { readonly subject?: OciDescriptor | undefined; readonly signal: AbortSignal | undefined },
): Promise<FileManifest> {
  const { session, push } = repository;
  await pushBlob(session, source, { ...push, signal: options.signal });
  return await pushManifestOf(repository, { name, digest: source.digest, size: source.size }, options);
}

/** Brings the manifest of a file, whose bytes are there, into the repository. */
export async function pushManifestOf(
  repository: Repository,
  content: OciFile,
  { subject, signal }: { readonly subject?: OciDescriptor | undefined; readonly signal: AbortSignal | undefined },
): Promise<FileManifest> {
  const { session, pushed } = repository;
  const manifest = manifestOf(content, subject && { subject });
  const { bytes, descriptor } = manifest;
  if (pushed.has(descriptor.digest)) return manifest;
  await pushConfiguration(repository, manifest.configuration, signal);
  if (subject === undefined)
    await pushManifest(session, descriptor.digest, { bytes, mediaType: descriptor.mediaType }, signal);
  else await pushReferrer(session, subject.digest, manifest, signal);
  pushed.add(descriptor.digest);
  return manifest;
}

async function pushConfiguration(
  { session, pushed }: Repository,
  { bytes, descriptor: { digest, size } }: OciDocument,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (pushed.has(digest)) return;
  await pushBlob(session, { digest, size, open: () => onePiece(bytes) }, { signal });
  pushed.add(digest);
}
