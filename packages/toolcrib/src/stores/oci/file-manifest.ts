import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { IntegrityError } from '../../core/errors.ts';
import {
  formatFileManifest,
  ociArtifactType,
  ociConfigOf,
  ociFileKind,
  type OciDocument,
  type OciFile,
  type OciFileKind,
} from '../../core/oci-release.ts';
import { releaseOf } from '../../core/release-names.ts';
import { descriptorSchema, TITLE, titleOf, type OciDescriptor } from '../../core/oci-descriptor.ts';
import { jsonFrom } from '../../core/json-fields.ts';

/** A manifest as it is pushed. */
export interface FileManifest {
  readonly bytes: Uint8Array;
  readonly descriptor: OciDescriptor;
  /** Small content that it needs beside its file. */
  readonly configuration: OciDocument;
}

/** What a file of a store is, by its name. The only files that belong to no version are revocation lists. */
export function kindOf(name: string): OciFileKind {
  const release = releaseOf(name);
  return (release && ociFileKind(name, release)) ?? 'revocations';
}

/**
 * The manifest of one file: the same bytes for the same content, so that whoever knows a file's digest and size knows the
 * digest of its manifest.
 * @param subject the manifest that an attestation is about.
 * @param notes further annotations.
 */
export function manifestOf(
  { name, digest, size }: OciFile,
  { subject, notes }: { readonly subject?: OciDescriptor; readonly notes?: Readonly<Record<string, string>> } = {},
): FileManifest {
  const kind = kindOf(name);
  const { bytes, descriptor } = formatFileManifest({ kind, file: { name, digest, size }, subject });
  const written = notes === undefined ? bytes : annotated(bytes, notes);
  return {
    bytes: written,
    descriptor: {
      mediaType: descriptor.mediaType,
      digest: digestOf(written),
      size: written.byteLength,
      artifactType: ociArtifactType(kind, name),
      annotations: { [TITLE]: name },
    },
    configuration: ociConfigOf(name),
  };
}

const annotatedSchema = z.looseObject({ annotations: z.record(z.string(), z.string()) });

function annotated(bytes: Uint8Array, notes: Readonly<Record<string, string>>): Uint8Array {
  const manifest = annotatedSchema.parse(jsonFrom(bytes));
  return Buffer.from(JSON.stringify({ ...manifest, annotations: { ...manifest.annotations, ...notes } }));
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
export function readFileManifest(bytes: Uint8Array, where: string): ParsedFileManifest {
  const manifest = fileManifestFrom(bytes);
  if (manifest !== undefined) return manifest;
  throw new IntegrityError('MALFORMED', `${where} is not the manifest of one file`, {
    hint: 'a release was pushed by something else than toolcrib, or damaged: look at the repository',
  });
}
