import * as z from 'zod/mini';
import { isDigest, type Digest } from './digest.ts';
import './schema-messages.ts';

/** What a file's own name stands in (OCI image specification, "Pre-Defined Annotation Keys"). */
export const TITLE = 'org.opencontainers.image.title';

/** A pointer to content (OCI image specification, "Content Descriptors"). */
export interface OciDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

const digestSchema = z.custom<Digest>(
  (value) => typeof value === 'string' && isDigest(value),
  'expected sha256:<64 lowercase hex>',
);

/** Loosely: what others add is passed over. */
export const descriptorSchema = z.object({
  mediaType: z.string(),
  digest: digestSchema,
  size: z.int().check(z.minimum(0)),
  artifactType: z.optional(z.string()),
  annotations: z.optional(z.record(z.string(), z.string())),
});

/** The name of the file that a descriptor points at, if it says one. */
export function titleOf({ annotations }: Pick<OciDescriptor, 'annotations'>): string | undefined {
  return annotations?.[TITLE];
}
