import { digestOf } from '../core/digest.ts';
import {
  formatFileManifest,
  formatReleaseIndex,
  ociConfigOf,
  ociFileKind,
  type OciDescriptor,
  type OciDocument,
  type OciFile,
  type OciIndexEntry,
} from '../core/oci-release.ts';
import { attestedName } from '../core/release-names.ts';
import { sortTree, writeTar, type TarEntry } from '../tar/write.ts';
import type { BundleContent } from './bundle-content.ts';
import { blobPathOf, formatLayoutFile, formatLayoutIndex, INDEX_FILE, LAYOUT_FILE } from './image-layout.ts';

const MODE = 0o644;

/**
 * A release as a tar of an OCI image layout. Same content, same bytes. Artifacts stream through.
 * @throws IntegrityError `SIZE_MISMATCH` when an artifact does not have the size that was said; what their `open` throws.
 */
export function writeBundle(content: BundleContent): AsyncIterable<Uint8Array> {
  return writeTar(sortTree(membersOf(content)));
}

function membersOf(content: BundleContent): readonly TarEntry[] {
  const documents = documentsOf(content);
  const index = formatReleaseIndex({ ...content, entries: documents.map(({ entry }) => entry) });
  const configs = documents.map(({ entry }) => ociConfigOf(entry.name));
  const small = [index, ...configs, ...documents.map(({ manifest }) => manifest)].map(({ bytes }) => bytes);
  return [
    member(LAYOUT_FILE, Buffer.from(formatLayoutFile())),
    member(INDEX_FILE, Buffer.from(formatLayoutIndex(index.descriptor, content.version))),
    ...distinctBlobs([...small, ...content.files.map(({ bytes }) => bytes)].map(blob), content),
  ];
}

/** Files with the same bytes are one blob. */
function distinctBlobs(small: readonly TarEntry[], { artifacts }: BundleContent): readonly TarEntry[] {
  const large = artifacts.map((artifact): TarEntry => {
    // Opened when it is its turn, not before.
    const bytes = { [Symbol.asyncIterator]: () => artifact.open()[Symbol.asyncIterator]() };
    return { path: blobPathOf(artifact.digest), kind: 'file', mode: MODE, size: artifact.size, bytes };
  });
  return [...new Map([...small, ...large].map((entry) => [entry.path, entry])).values()];
}

function blob(bytes: Uint8Array): TarEntry {
  return member(blobPathOf(digestOf(bytes)), bytes);
}

function member(path: string, bytes: Uint8Array): TarEntry {
  return { path, kind: 'file', mode: MODE, bytes };
}

interface FileDocument {
  readonly entry: OciIndexEntry;
  readonly manifest: OciDocument;
}

/** The manifest of each file; attestations come last, because they refer to that of their artifact. */
function documentsOf(content: BundleContent): readonly FileDocument[] {
  const { artifacts, files } = content;
  const plain = files.filter(({ name }) => attestedName(name) === undefined);
  const attestations = files.filter(({ name }) => attestedName(name) !== undefined);
  const documents = [...artifacts, ...plain.map(fileOf)].map((file) => documentOf(content, file, undefined));
  const subjects = new Map(documents.map(({ entry }) => [entry.name, entry.manifest]));
  return [
    ...documents,
    ...attestations.map((file) => documentOf(content, fileOf(file), subjects.get(attestedName(file.name) ?? ''))),
  ];
}

function documentOf(content: BundleContent, file: OciFile, subject: OciDescriptor | undefined): FileDocument {
  const { name } = file;
  const kind = ociFileKind(name, content);
  if (kind === undefined) throw new Error(`${name} is no file of ${content.tool} v${content.version}`);
  if (kind === 'attestation' && subject === undefined) throw new Error(`${name} attests nothing that is bundled`);
  const manifest = formatFileManifest({ kind, file, subject });
  return { entry: { name, kind, manifest: manifest.descriptor }, manifest };
}

function fileOf({ name, bytes }: { readonly name: string; readonly bytes: Uint8Array }): OciFile {
  return { name, digest: digestOf(bytes), size: bytes.byteLength };
}
