import * as z from 'zod/mini';
import { digestOf, isDigest, type Digest } from '../../core/digest.ts';
import { compareCodePoints } from '../../tar/path.ts';
import type { ArchiveMember } from './paths.ts';

export const MANIFEST_SCHEMA = 'assay.runner.archive_manifest.v0';

/** What the manifest says of one member. */
export interface ManifestFile {
  readonly path: string;
  readonly sha256: Digest;
  /** Size of the member. */
  readonly bytes: number;
}

/** `manifest.json`: every other member with its digest. */
export interface ArchiveManifest {
  readonly schema: typeof MANIFEST_SCHEMA;
  readonly run_id: string;
  readonly files: Readonly<Record<string, ManifestFile>>;
}

/** As it is read. */
export const manifestSchema = z.strictObject({
  schema: z.literal(MANIFEST_SCHEMA),
  run_id: z.string(),
  files: z.record(
    z.string(),
    z.strictObject({
      path: z.string(),
      sha256: z.custom<Digest>(
        (value) => typeof value === 'string' && isDigest(value),
        'expected sha256:<64 lowercase hex>',
      ),
      bytes: z.int().check(z.minimum(0)),
    }),
  ),
});

/** A member that a manifest is to list: measured, or with its bytes. */
export type ListedMember = ArchiveMember | { readonly path: string; readonly size: number; readonly digest: Digest };

/** The manifest of finished members, its files sorted by code point. */
export function createManifest(runId: string, members: readonly ListedMember[]): ArchiveManifest {
  const files = [...members]
    .sort((a, b) => compareCodePoints(a.path, b.path))
    .map((member) => [member.path, fileOf(member)] as const);
  return { schema: MANIFEST_SCHEMA, run_id: runId, files: Object.fromEntries(files) };
}

function fileOf(member: ListedMember): ManifestFile {
  if ('digest' in member) return { path: member.path, sha256: member.digest, bytes: member.size };
  return { path: member.path, sha256: digestOf(member.bytes), bytes: member.bytes.byteLength };
}
