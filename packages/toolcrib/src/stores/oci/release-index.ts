import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { RELEASE_ARTIFACT_TYPE } from '../../core/oci-release.ts';
import { releaseOf, storedSumsName } from '../../core/release-names.ts';
import { descriptorSchema, titleOf, type OciDescriptor } from '../../core/oci-descriptor.ts';
import { jsonFrom } from '../../core/json-fields.ts';

/** The release that an index holds. */
export interface ReleaseIndex {
  readonly tool: string;
  readonly version: number;
  /** By file name: the manifest of each file. */
  readonly files: ReadonlyMap<string, OciDescriptor>;
}

const indexSchema = z.object({
  schemaVersion: z.literal(2),
  // Copies by clients of version 1.0 of the image specification come without it: the titles have to tell.
  artifactType: z.optional(z.literal(RELEASE_ARTIFACT_TYPE)),
  manifests: z.array(descriptorSchema),
});

/** @returns undefined for an index or manifest that is no release of toolcrib. */
export function releaseIndexFrom(bytes: Uint8Array): ReleaseIndex | undefined {
  const parsed = indexSchema.safeParse(jsonFrom(bytes));
  if (parsed.data === undefined) return undefined;
  const files = new Map<string, OciDescriptor>();
  for (const descriptor of parsed.data.manifests) {
    const name = titleOf(descriptor);
    if (name !== undefined && !files.has(name)) files.set(name, descriptor);
  }
  const release = [...files.keys()].map((name) => releaseOf(name)).find((each) => each !== undefined);
  if (release === undefined || !files.has(storedSumsName(release.tool, release.version))) return undefined;
  return { ...release, files };
}
