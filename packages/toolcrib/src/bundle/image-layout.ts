import * as z from 'zod/mini';
import { isDigest, type Digest } from '../core/digest.ts';
import { IntegrityError } from '../core/errors.ts';
import { parseDocument } from '../core/json-document.ts';
import { OCI_INDEX_TYPE, type OciDescriptor } from '../core/oci-release.ts';
import '../core/schema-messages.ts';

/** Files of an OCI image layout (image-spec 1.1, image-layout.md). */
export const LAYOUT_FILE = 'oci-layout';
export const INDEX_FILE = 'index.json';
const BLOBS = 'blobs/sha256';
/** Directories of a layout. */
export const DIRECTORIES: readonly string[] = ['blobs', BLOBS];

const REF_NAME = 'org.opencontainers.image.ref.name';

export function blobPathOf(digest: Digest): string {
  return `${BLOBS}/${digest.slice('sha256:'.length)}`;
}

/** The digest that a member of a layout is named for; undefined for one that is no blob. */
export function blobDigestOf(path: string): Digest | undefined {
  const hex = path.startsWith(`${BLOBS}/`) ? path.slice(BLOBS.length + 1) : '';
  const digest = `sha256:${hex}`;
  return isDigest(digest) ? digest : undefined;
}

export function formatLayoutFile(): string {
  return '{"imageLayoutVersion":"1.0.0"}';
}

/**
 * The index of a layout: one release. Not more, because programs that are given no name take an image that stands alone.
 */
export function formatLayoutIndex(release: OciDescriptor, version: number): string {
  const { mediaType, digest, size } = release;
  const manifest = { mediaType, digest, size, annotations: { [REF_NAME]: `v${version}` } };
  return JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX_TYPE, manifests: [manifest] });
}

/** Others may add keys. */
const layoutSchema = z.object({ imageLayoutVersion: z.literal('1.0.0') });
const indexSchema = z.object({
  schemaVersion: z.literal(2),
  manifests: z
    .array(
      z.object({
        mediaType: z.string(),
        digest: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value)),
        size: z.int().check(z.minimum(0)),
      }),
    )
    .check(z.length(1)),
});

/** @throws IntegrityError `MALFORMED`. */
export function parseLayoutFile(bytes: Uint8Array, where: string): void {
  parse(layoutSchema, bytes, where);
}

/**
 * @returns what the one release of a layout is described by.
 * @throws IntegrityError `MALFORMED`, also for a layout of something else.
 */
export function parseLayoutIndex(bytes: Uint8Array, where: string): OciDescriptor {
  const [release] = parse(indexSchema, bytes, where).manifests;
  if (release?.mediaType === OCI_INDEX_TYPE) return release;
  throw new IntegrityError('MALFORMED', `${where} names a ${release?.mediaType}, not the index of a release`, {
    hint: 'a bundle is made by "toolcrib bundle create"; "skopeo copy" keeps one whole only with --all',
  });
}

function parse<T>(schema: z.ZodMiniType<T>, bytes: Uint8Array, where: string): T {
  return parseDocument(schema, bytes, (what) => malformed(where, what));
}

function malformed(where: string, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${where} is not that of a bundle: ${what}`, {
    hint: 'the bundle was damaged, or it is none: "toolcrib bundle create" makes one',
  });
}
