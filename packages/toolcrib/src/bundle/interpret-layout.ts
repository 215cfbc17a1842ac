import { digestOf, verifyExpected, type Digest, type Expected } from '../core/digest.ts';
import { hasCode, IntegrityError } from '../core/errors.ts';
import {
  ociConfigOf,
  parseFileManifest,
  parseReleaseIndex,
  type OciFileManifest,
  type OciIndexEntry,
  type OciReleaseIndex,
} from '../core/oci-release.ts';
import { attestedName, releaseManifestName, storedSumsName } from '../core/release-names.ts';
import { parseReleaseManifest, sumsOfManifest } from '../core/release.ts';
import { differentNames, parseSums, type Sums } from '../core/sums.ts';
import type { OpenedBundle } from './bundle-content.ts';
import {
  blobDigestOf,
  blobPathOf,
  INDEX_FILE,
  LAYOUT_FILE,
  parseLayoutFile,
  parseLayoutIndex,
} from './image-layout.ts';

/** A member of a bundle's tar. */
export interface LayoutMember {
  /** In bytes. */
  readonly size: number;
  /** Undefined when it is too large to be held. */
  readonly bytes: Uint8Array | undefined;
}

/** Members by path, and those that something referred to. */
interface Layout {
  readonly path: string;
  readonly members: ReadonlyMap<string, LayoutMember>;
  readonly used: Set<string>;
}

interface FileOfBundle {
  readonly entry: OciIndexEntry;
  readonly manifest: OciFileManifest;
}

/**
 * Makes sense of the members of a bundle: one release, everything it refers to is there, and nothing else is.
 * @param path of the bundle, named in errors.
 * @throws IntegrityError `MALFORMED`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `TOO_LARGE`.
 */
export function interpretLayout(members: ReadonlyMap<string, LayoutMember>, path: string): OpenedBundle {
  const layout: Layout = { path, members, used: new Set() };
  parseLayoutFile(heldMember(layout, LAYOUT_FILE), whereOf(layout, LAYOUT_FILE));
  const release = parseLayoutIndex(heldMember(layout, INDEX_FILE), whereOf(layout, INDEX_FILE));
  const index = parseReleaseIndex(heldBlob(layout, release), release, whereOf(layout, blobPathOf(release.digest)));
  const files = index.entries.map((entry) => fileOfBundle(layout, entry));
  verifySubjects(layout, files);
  const small = files.filter(({ entry }) => entry.kind !== 'artifact').map(({ manifest: { file } }) => file);
  const artifacts = files.filter(({ entry }) => entry.kind === 'artifact').map(({ manifest: { file } }) => file);
  for (const { digest, size } of artifacts) verifySize(layout, digest, size);
  const bundle: OpenedBundle = {
    tool: index.tool,
    version: index.version,
    artifacts,
    files: new Map(small.map((file) => [file.name, verifiedBlob(layout, file)])),
  };
  refuseStrangers(layout);
  verifyAccounts(layout, index, bundle);
  return bundle;
}

/**
 * What the stored sums of a bundle say.
 * @throws IntegrityError `MALFORMED`.
 */
export function sumsOfBundle(bundle: OpenedBundle, path: string): Sums {
  const name = storedSumsName(bundle.tool, bundle.version);
  const bytes = bundle.files.get(name);
  if (bytes === undefined) throw malformed(path, `it has no ${name}`);
  try {
    return parseSums(Buffer.from(bytes).toString(), `${path}: ${name}`, bundle);
  } catch (error) {
    if (!hasCode(error, 'SUMS_INVALID')) throw error;
    throw new IntegrityError('MALFORMED', error.message, { cause: error });
  }
}

function fileOfBundle(layout: Layout, entry: OciIndexEntry): FileOfBundle {
  const bytes = heldBlob(layout, entry.manifest);
  const where = `${whereOf(layout, blobPathOf(entry.manifest.digest))}, the manifest of ${entry.name},`;
  verifiedBlob(layout, ociConfigOf(entry.name).descriptor);
  return { entry, manifest: parseFileManifest(bytes, entry, where) };
}

/** An attestation hangs on the manifest of the artifact that it is named for, and on nothing else. */
function verifySubjects(layout: Layout, files: readonly FileOfBundle[]): void {
  const manifests = new Map(files.map(({ entry }) => [entry.name, entry.manifest.digest]));
  for (const { entry, manifest } of files) {
    if (entry.kind !== 'attestation') continue;
    const attested = manifests.get(attestedName(entry.name) ?? '');
    if (attested === undefined || attested !== manifest.subject?.digest) {
      throw malformed(layout.path, `the subject of ${entry.name} is not the artifact that it is named for`);
    }
  }
}

/** Stored sums, manifest and artifacts tell the same. */
function verifyAccounts({ path }: Layout, { tool, version }: OciReleaseIndex, bundle: OpenedBundle): void {
  const sums = sumsOfBundle(bundle, path);
  for (const { name, digest } of bundle.artifacts) {
    if (sums.get(name) !== digest) throw malformed(path, `${name} is not what its stored sums say`);
  }
  const text = bundle.files.get(releaseManifestName(tool, version));
  if (text === undefined) return;
  const where = `${path}: ${releaseManifestName(tool, version)}`;
  const manifest = parseReleaseManifest(Buffer.from(text).toString(), where);
  const different = differentNames(sumsOfManifest(manifest), sums);
  if (manifest.tool !== tool || manifest.version !== version) throw malformed(where, 'it is of another release');
  if (different.length > 0) throw malformed(where, `it contradicts the stored sums in ${different.join(', ')}`);
}

function refuseStrangers({ path, members, used }: Layout): void {
  const stranger = [...members.keys()].find((member) => !used.has(member));
  if (stranger !== undefined) throw malformed(path, `nothing refers to its member ${stranger}`);
}

function verifiedBlob(layout: Layout, expected: Expected & { readonly digest: Digest }): Uint8Array {
  const bytes = heldBlob(layout, expected);
  const where = whereOf(layout, blobPathOf(expected.digest));
  verifyExpected(where, expected, { digest: digestOf(bytes), size: bytes.byteLength });
  return bytes;
}

function verifySize(layout: Layout, digest: Digest, expected: number): void {
  const { size } = memberOf(layout, blobPathOf(digest));
  if (size === expected) return;
  const where = whereOf(layout, blobPathOf(digest));
  throw new IntegrityError('SIZE_MISMATCH', `${where} has ${size} bytes, expected ${expected}`, {
    hint: 'the bundle was damaged: make it again, or copy it again',
    details: { expected, actual: size },
  });
}

function heldBlob(layout: Layout, { digest }: Expected): Uint8Array {
  return heldMember(layout, blobPathOf(digest));
}

function heldMember(layout: Layout, name: string): Uint8Array {
  const { bytes, size } = memberOf(layout, name);
  if (bytes !== undefined) return bytes;
  throw new IntegrityError('TOO_LARGE', `${whereOf(layout, name)} has ${size} bytes, more than what it is needs`, {
    hint: 'that is no bundle of a release',
  });
}

function memberOf(layout: Layout, name: string): LayoutMember {
  const member = layout.members.get(name);
  layout.used.add(name);
  if (member !== undefined) return member;
  const what = blobDigestOf(name) === undefined ? `it has no ${name}` : `it refers to ${name}, which is not there`;
  throw malformed(layout.path, what);
}

function whereOf({ path }: Layout, member: string): string {
  return `${path}: ${member}`;
}

function malformed(where: string, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${where} is no bundle of a release: ${what}`, {
    hint: 'it was damaged, or another program made it: "toolcrib bundle create" makes one',
  });
}
