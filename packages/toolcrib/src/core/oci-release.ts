import * as z from 'zod/mini';
import { artifactNameFrom, isToolName } from './artifact-name.ts';
import { digestOf, verifyExpected, type Digest, type Expected } from './digest.ts';
import { IntegrityError } from './errors.ts';
import { parseDocument } from './json-document.ts';
import { descriptorSchema, TITLE, titleOf, type OciDescriptor } from './oci-descriptor.ts';
import { attestedName, releaseManifestName, releaseOf, revocationListName, storedSumsName } from './release-names.ts';
import './schema-messages.ts';
import type { Libc } from './target.ts';
import { isVersion } from './version.ts';

/**
 * A release as OCI describes things (image-spec 1.1): an image index with one manifest for each file, whose one layer the
 * file is. Pure: what is built here is pushed to a registry or written to a bundle, what is parsed here came from there.
 */

export type { OciDescriptor } from './oci-descriptor.ts';

export const OCI_INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const OCI_MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';
export const OCI_IMAGE_CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
/** What the index of a release says it is: formats.md 4. */
export const RELEASE_ARTIFACT_TYPE = 'application/vnd.toolcrib.release.v1+json';
/** A trusted root goes by this name in a bundle. */
export const TRUSTED_ROOT_NAME = 'trusted-root.json';

/** An index or a manifest above this size, in bytes, is not read. */
export const MAX_OCI_JSON_BYTES = 1024 * 1024;
/** 6 targets with two attestations each, and what goes with them, with room to spare. */
const MAX_INDEX_ENTRIES = 100;

const VERSION = 'org.opencontainers.image.version';

/** What a file of a release is. */
export type OciFileKind = 'artifact' | 'sums' | 'manifest' | 'attestation' | 'revocations' | 'trusted-root';

/** A file of a release, as a layer. */
export interface OciFile {
  readonly name: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** A manifest with one file. */
export interface OciFileManifest {
  readonly kind: OciFileKind;
  readonly file: OciFile;
  /** The manifest of the artifact that an attestation is of; undefined for every other file. */
  readonly subject: OciDescriptor | undefined;
}

/** One manifest of an index, and the name of the file in it. */
export interface OciIndexEntry {
  readonly name: string;
  readonly kind: OciFileKind;
  readonly manifest: OciDescriptor;
}

/** The index of a release. */
export interface OciReleaseIndex {
  readonly tool: string;
  readonly version: number;
  readonly entries: readonly OciIndexEntry[];
}

/** Bytes of a document and what refers to them. */
export interface OciDocument {
  readonly descriptor: OciDescriptor;
  readonly bytes: Uint8Array;
}

/** The configuration of a manifest that has none, in OCI's words. */
const EMPTY_CONFIG: OciDocument = documentOf(OCI_EMPTY_TYPE, '{}');

/** What runs everywhere first, for who takes the first that fits the machine. */
const LIBC_ORDER: readonly Libc[] = ['any', 'glibc', 'musl'];

/** Of the manifest of a file, and of the file itself as its layer where that differs. */
const MEDIA_TYPES: Readonly<Record<Exclude<OciFileKind, 'attestation'>, { manifest: string; layer?: string }>> = {
  artifact: { manifest: 'application/vnd.toolcrib.artifact.v1' },
  sums: { manifest: 'application/vnd.toolcrib.sums.v1', layer: 'text/plain' },
  manifest: { manifest: 'application/vnd.toolcrib.manifest.v1+json', layer: 'application/json' },
  revocations: { manifest: 'application/vnd.toolcrib.revocations.v1+json' },
  'trusted-root': { manifest: 'application/vnd.dev.sigstore.trustedroot.v0.1+json' },
};

/** What a file of a release is, by its name; undefined for a file that belongs to no release of this tool and version. */
export function ociFileKind(
  name: string,
  { tool, version }: { tool: string; version: number },
): OciFileKind | undefined {
  if (name === TRUSTED_ROOT_NAME) return 'trusted-root';
  if (name === revocationListName(tool)) return 'revocations';
  const release = releaseOf(name);
  if (release?.tool !== tool || release.version !== version) return undefined;
  if (name === storedSumsName(tool, version)) return 'sums';
  if (name === releaseManifestName(tool, version)) return 'manifest';
  return attestedName(name) === undefined ? 'artifact' : 'attestation';
}

function mediaTypesOf(kind: OciFileKind, name: string): { readonly manifest: string; readonly layer: string } {
  if (kind !== 'attestation') return { layer: MEDIA_TYPES[kind].manifest, ...MEDIA_TYPES[kind] };
  const type = name.endsWith('.sigstore.json')
    ? 'application/vnd.dev.sigstore.bundle.v0.3+json'
    : 'application/vnd.dsse.envelope.v1+json';
  return { manifest: type, layer: type };
}

/** The artifact type of a file's manifest: by it, referrers are told apart. */
export function ociArtifactType(kind: OciFileKind, name: string): string {
  return mediaTypesOf(kind, name).manifest;
}

/**
 * The configuration that the manifest of a file refers to. That of an artifact is the least that makes the configuration
 * of an image: `skopeo inspect` reads nothing else.
 */
export function ociConfigOf(name: string): OciDocument {
  const architecture = artifactNameFrom(name)?.target.arch;
  if (architecture === undefined) return EMPTY_CONFIG;
  const config = { architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: [] } };
  return documentOf(OCI_IMAGE_CONFIG_TYPE, JSON.stringify(config));
}

/** The manifest of one file. Same input, same bytes. */
export function formatFileManifest({ kind, file, subject }: OciFileManifest): OciDocument {
  const types = mediaTypesOf(kind, file.name);
  const annotations = { [TITLE]: file.name };
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST_TYPE,
    artifactType: types.manifest,
    config: ociConfigOf(file.name).descriptor,
    layers: [{ mediaType: types.layer, digest: file.digest, size: file.size, annotations }],
    ...(subject && { subject: plainDescriptor(subject) }),
    annotations,
  };
  return documentOf(OCI_MANIFEST_TYPE, JSON.stringify(manifest));
}

/**
 * The index of a release, its artifacts first: who copies one platform with a program that knows nothing of toolcrib gets
 * an artifact. Same input, same bytes.
 */
export function formatReleaseIndex({ tool, version, entries }: OciReleaseIndex): OciDocument {
  const names = entries.map(({ name }) => name);
  const index = {
    schemaVersion: 2,
    mediaType: OCI_INDEX_TYPE,
    artifactType: RELEASE_ARTIFACT_TYPE,
    manifests: [...entries].sort(inIndexOrder).map((entry) => indexDescriptor(entry, names)),
    annotations: { [TITLE]: tool, [VERSION]: String(version) },
  };
  return documentOf(OCI_INDEX_TYPE, JSON.stringify(index));
}

function inIndexOrder(a: OciIndexEntry, b: OciIndexEntry): number {
  return rankOf(a.name) - rankOf(b.name) || (a.name < b.name ? -1 : 1);
}

function rankOf(name: string): number {
  const libc = artifactNameFrom(name)?.target.libc;
  return libc === undefined ? LIBC_ORDER.length : LIBC_ORDER.indexOf(libc);
}

function indexDescriptor({ name, kind, manifest }: OciIndexEntry, names: readonly string[]): object {
  const platform = platformOf(name, names);
  return {
    ...plainDescriptor(manifest),
    artifactType: mediaTypesOf(kind, name).manifest,
    ...(platform && { platform }),
    annotations: { [TITLE]: name },
  };
}

/**
 * Only artifacts have one. Clients choose by system, architecture and variant: an artifact for musl is a variant where the
 * release has another for its architecture, so that who asks for none gets the other.
 */
function platformOf(
  name: string,
  names: readonly string[],
): { architecture: string; os: string; variant?: string } | undefined {
  const target = artifactNameFrom(name)?.target;
  if (target === undefined) return undefined;
  const platform = { architecture: target.arch, os: 'linux' };
  const hasOther = names.some((each) => {
    const other = artifactNameFrom(each)?.target;
    return other?.arch === target.arch && other.libc !== 'musl';
  });
  return target.libc === 'musl' && hasOther ? { ...platform, variant: 'musl' } : platform;
}

function plainDescriptor({ mediaType, digest, size }: OciDescriptor): OciDescriptor {
  return { mediaType, digest, size };
}

function documentOf(mediaType: string, text: string): OciDocument {
  const bytes = Buffer.from(text);
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytes };
}

/** Others may add keys: these are OCI's formats, not ours. */
const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.literal(OCI_MANIFEST_TYPE),
  artifactType: z.string(),
  config: descriptorSchema,
  layers: z.array(descriptorSchema).check(z.length(1)),
  subject: z.optional(descriptorSchema),
});

/** Programs that know OCI 1.0 only, e.g. skopeo 1.9, leave out the type of an index that they copy. */
const indexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.literal(OCI_INDEX_TYPE),
  artifactType: z.optional(z.literal(RELEASE_ARTIFACT_TYPE)),
  manifests: z
    .array(
      z.extend(descriptorSchema, {
        mediaType: z.literal(OCI_MANIFEST_TYPE),
        platform: z.optional(z.object({ architecture: z.string(), os: z.string() })),
      }),
    )
    .check(z.minLength(1), z.maxLength(MAX_INDEX_ENTRIES)),
  annotations: z.optional(z.record(z.string(), z.string())),
});

/**
 * Reads the index of a release.
 * @param expected what refers to it; its digest is recomputed.
 * @param where it came from, named in errors.
 * @throws IntegrityError `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `TOO_LARGE`; `MALFORMED` for anything but the index of one
 * release, e.g. with a file that does not belong to it, or one that is there twice.
 */
export function parseReleaseIndex(bytes: Uint8Array, expected: Expected, where: string): OciReleaseIndex {
  const index = parseJson(indexSchema, bytes, expected, where);
  const tool = index.annotations?.[TITLE] ?? '';
  const version = Number(index.annotations?.[VERSION]);
  if (!isToolName(tool) || !isVersion(version)) throw malformed(where, 'it does not say its tool and version');
  const entries = index.manifests.map(({ platform, ...manifest }): OciIndexEntry => {
    const name = titleOf(manifest) ?? '';
    const kind = kindOf(name, { tool, version }, where);
    const architecture = artifactNameFrom(name)?.target.arch;
    if (platform?.architecture !== architecture || (platform !== undefined && platform.os !== 'linux')) {
      throw malformed(where, `the platform of ${name} is not that of its name`);
    }
    return { name, kind, manifest: plainDescriptor(manifest) };
  });
  refuseRepetition(
    entries.map(({ name }) => name),
    where,
  );
  return { tool, version, entries };
}

/**
 * Reads the manifest of one file.
 * @param entry what the index says of it; its digest is recomputed.
 * @param where it came from, named in errors.
 * @throws IntegrityError as {@link parseReleaseIndex}; `MALFORMED` also when it holds another file than the index says, or
 * an attestation without a subject.
 */
export function parseFileManifest(bytes: Uint8Array, entry: OciIndexEntry, where: string): OciFileManifest {
  const { name, kind } = entry;
  const { artifactType, config, layers, subject } = parseJson(manifestSchema, bytes, entry.manifest, where);
  const [layer] = layers;
  const types = mediaTypesOf(kind, name);
  if (layer === undefined || titleOf(layer) !== name)
    throw malformed(where, `its file is not ${name}, as the index says`);
  if (artifactType !== types.manifest || layer.mediaType !== types.layer) {
    throw malformed(where, `${name} is of another type than ${types.manifest}`);
  }
  const expected = ociConfigOf(name).descriptor;
  if (config.mediaType !== expected.mediaType || config.digest !== expected.digest || config.size !== expected.size) {
    throw malformed(where, `its configuration is not that of ${name}`);
  }
  if ((kind === 'attestation') !== (subject !== undefined)) {
    throw malformed(where, kind === 'attestation' ? `${name} has no subject` : `${name} has a subject`);
  }
  return { kind, file: { name, digest: layer.digest, size: layer.size }, subject: subject && plainDescriptor(subject) };
}

function kindOf(name: string, release: { tool: string; version: number }, where: string): OciFileKind {
  const kind = ociFileKind(name, release);
  if (kind !== undefined) return kind;
  const what = name === '' ? 'a file without a name' : JSON.stringify(name.slice(0, 300));
  throw malformed(where, `${what} is no file of ${release.tool} v${release.version}`);
}

function refuseRepetition(names: readonly string[], where: string): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw malformed(where, `${repeated} is listed twice`);
}

function parseJson<T>(schema: z.ZodMiniType<T>, bytes: Uint8Array, expected: Expected, where: string): T {
  if (bytes.byteLength > MAX_OCI_JSON_BYTES) {
    throw new IntegrityError('TOO_LARGE', `${where} has ${bytes.byteLength} bytes, more than ${MAX_OCI_JSON_BYTES}`);
  }
  verifyExpected(where, expected, { digest: digestOf(bytes), size: bytes.byteLength });
  return parseDocument(schema, bytes, (what) => malformed(where, what));
}

function malformed(where: string, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${where} is not what toolcrib writes: ${what}`, {
    hint: 'it was damaged, or another program made it',
  });
}
