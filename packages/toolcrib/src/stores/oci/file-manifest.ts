import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { artifactNameFrom } from '../../core/artifact-name.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { IntegrityError } from '../../core/errors.ts';
import { attestedName, releaseManifestName, releaseOf, storedSumsName } from '../../core/release.ts';
import { descriptorSchema, MANIFEST_TYPE, TITLE, titleOf, type Descriptor } from './descriptor.ts';
import { jsonFrom } from './json.ts';

/** A file of a release by its content. */
export interface FileContent {
  readonly name: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** Small content that a manifest needs beside its file. */
export interface Configuration {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** A manifest as it is pushed. */
export interface FileManifest {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
  readonly configuration: Configuration;
}

const NO_CONFIGURATION: Configuration = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  bytes: Buffer.from('{}'),
};

/** What a file of a release is, by its name: type of the manifest and of its one layer. */
function typesOf(name: string): { readonly artifactType: string; readonly layerType: string } {
  if (artifactNameFrom(name) !== undefined) return both('application/vnd.toolcrib.artifact.v1');
  const attestation = attestationTypeOf(name);
  if (attestation !== undefined) return both(attestation);
  const release = releaseOf(name);
  if (release === undefined) return both('application/vnd.toolcrib.file.v1');
  if (name === storedSumsName(release.tool, release.version))
    return { artifactType: 'application/vnd.toolcrib.sums.v1', layerType: 'text/plain' };
  if (name === releaseManifestName(release.tool, release.version))
    return { artifactType: 'application/vnd.toolcrib.manifest.v1+json', layerType: 'application/json' };
  return both('application/vnd.toolcrib.file.v1');
}

function both(type: string): { readonly artifactType: string; readonly layerType: string } {
  return { artifactType: type, layerType: type };
}

/** The artifact type of an attestation's kind, by its name; undefined for another file. */
export function attestationTypeOf(name: string): string | undefined {
  if (attestedName(name) === undefined) return undefined;
  return name.endsWith('.dsse.json')
    ? 'application/vnd.dsse.envelope.v1+json'
    : 'application/vnd.dev.sigstore.bundle.v0.3+json';
}

/**
 * The manifest of one file: the same bytes for the same content, so that whoever knows a file's digest and size knows the
 * digest of its manifest.
 * @param subject the manifest that an attestation is about.
 * @param notes further annotations.
 */
export function formatFileManifest(
  { name, digest, size }: FileContent,
  { subject, notes = {} }: { readonly subject?: Descriptor; readonly notes?: Readonly<Record<string, string>> } = {},
): FileManifest {
  const { artifactType, layerType } = typesOf(name);
  const configuration = configurationOf(name);
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType,
    config: {
      mediaType: configuration.mediaType,
      digest: digestOf(configuration.bytes),
      size: configuration.bytes.byteLength,
    },
    layers: [{ mediaType: layerType, digest, size, annotations: { [TITLE]: name } }],
    ...(subject && { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } }),
    annotations: { [TITLE]: name, ...notes },
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const descriptor: Descriptor = {
    mediaType: MANIFEST_TYPE,
    digest: digestOf(bytes),
    size: bytes.byteLength,
    artifactType,
    annotations: { [TITLE]: name },
  };
  return { bytes, descriptor, configuration };
}

/** Artifacts have the least that makes a configuration of an image: `skopeo inspect` reads nothing else. */
function configurationOf(name: string): Configuration {
  const architecture = artifactNameFrom(name)?.target.arch;
  if (architecture === undefined) return NO_CONFIGURATION;
  const image = { architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: [] } };
  return { mediaType: 'application/vnd.oci.image.config.v1+json', bytes: Buffer.from(JSON.stringify(image)) };
}

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  layers: z.array(descriptorSchema).check(z.length(1)),
  annotations: z.optional(z.record(z.string(), z.string())),
});

/** What the manifest of one file says. */
export interface ParsedFileManifest {
  /** The name it was pushed under; undefined when it says none. */
  readonly name: string | undefined;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** @returns undefined for a manifest that is not of one file: an image of somebody's. */
export function fileManifestFrom(bytes: Uint8Array): ParsedFileManifest | undefined {
  const manifest = manifestSchema.safeParse(jsonFrom(bytes));
  const layer = manifest.data?.layers[0];
  if (manifest.data === undefined || layer === undefined) return undefined;
  const { annotations = {} } = manifest.data;
  return { name: titleOf(layer) ?? annotations[TITLE], digest: layer.digest, size: layer.size, annotations };
}

/**
 * @param where the URL it came from, named in errors.
 * @throws IntegrityError `MALFORMED`.
 */
export function parseFileManifest(bytes: Uint8Array, where: string): ParsedFileManifest {
  const manifest = fileManifestFrom(bytes);
  if (manifest !== undefined) return manifest;
  throw new IntegrityError('MALFORMED', `${where} is not the manifest of one file`, {
    hint: 'a release was pushed by something else than toolcrib, or damaged: look at the repository',
  });
}
