import * as z from 'zod/mini';
import { parseDocument } from '../core/json-document.ts';
import { descriptorSchema, type OciDescriptor } from '../core/oci-descriptor.ts';
import '../core/schema-messages.ts';

/** What the layer of an OCI artifact is that a pack was pushed as (docs/formats.md, "Extensions"). */
export const PACK_MEDIA_TYPE = 'application/vnd.greentic.gtxpack.v1+zip';

const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  layers: z.array(descriptorSchema).check(z.length(1, 'expected exactly one layer, which is the pack')),
});

/**
 * The one layer of an artifact, which is the pack.
 * @param refuse makes the error of what is wrong with the manifest.
 */
export function parsePackManifest(bytes: Uint8Array, refuse: (what: string) => Error): OciDescriptor {
  const [layer] = parseDocument(manifestSchema, bytes, refuse).layers;
  if (layer === undefined) throw refuse('it has no layer');
  return layer;
}
