import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { artifactNameFrom } from '../../core/artifact-name.ts';
import { releaseOf, storedSumsName } from '../../core/release.ts';
import type { Libc } from '../../core/target.ts';
import { descriptorSchema, INDEX_TYPE, titleOf, type Descriptor, type Platform } from './descriptor.ts';
import { jsonFrom } from './json.ts';

const RELEASE_TYPE = 'application/vnd.toolcrib.release.v1+json';
const VERSION = 'org.opencontainers.image.version';

/** The release that an index holds, by name of its files. */
export interface ReleaseIndex {
  readonly tool: string;
  readonly version: number;
  /** By file name: the manifest of each file. */
  readonly files: ReadonlyMap<string, Descriptor>;
}

/** A tool at its best: what runs everywhere first, for who takes the first that fits the machine. */
const ORDER: readonly Libc[] = ['any', 'glibc', 'musl'];

/** The index of a release; the same bytes for the same files, in whatever order. */
export function formatReleaseIndex({ tool, version, files }: ReleaseIndex): Buffer {
  const names = [...files.keys()].sort(byRank);
  const manifests = names.flatMap((name) => {
    const descriptor = files.get(name);
    return descriptor === undefined ? [] : [withPlatform(name, descriptor, names)];
  });
  const annotations = { 'org.opencontainers.image.title': tool, [VERSION]: String(version) };
  const index = { schemaVersion: 2, mediaType: INDEX_TYPE, artifactType: RELEASE_TYPE, manifests, annotations };
  return Buffer.from(JSON.stringify(index));
}

function byRank(a: string, b: string): number {
  return rankOf(a) - rankOf(b) || (a < b ? -1 : 1);
}

function rankOf(name: string): number {
  const libc = artifactNameFrom(name)?.target.libc;
  return libc === undefined ? ORDER.length : ORDER.indexOf(libc);
}

function withPlatform(name: string, descriptor: Descriptor, names: readonly string[]): Descriptor {
  const { mediaType, digest, size, artifactType, annotations } = descriptor;
  const platform = platformOf(name, names);
  return { mediaType, digest, size, artifactType, ...(platform && { platform }), annotations };
}

/**
 * Clients choose by operating system, architecture and variant. An artifact for musl is a variant where the release has
 * another for its architecture, so that who asks for none gets the other.
 */
function platformOf(name: string, names: readonly string[]): Platform | undefined {
  const target = artifactNameFrom(name)?.target;
  if (target === undefined) return undefined;
  const platform = { architecture: target.arch, os: 'linux' };
  const hasOther = names.some((each) => {
    const other = artifactNameFrom(each)?.target;
    return other?.arch === target.arch && other.libc !== 'musl';
  });
  return target.libc === 'musl' && hasOther ? { ...platform, variant: 'musl' } : platform;
}

const indexSchema = z.object({
  schemaVersion: z.literal(2),
  // Copies by clients of version 1.0 of the image specification come without it: the titles have to tell.
  artifactType: z.optional(z.literal(RELEASE_TYPE)),
  manifests: z.array(descriptorSchema),
});

/** @returns undefined for an index or manifest that is no release of toolcrib. */
export function releaseIndexFrom(bytes: Uint8Array): ReleaseIndex | undefined {
  const parsed = indexSchema.safeParse(jsonFrom(bytes));
  if (parsed.data === undefined) return undefined;
  const files = new Map<string, Descriptor>();
  for (const descriptor of parsed.data.manifests) {
    const name = titleOf(descriptor);
    if (name !== undefined && !files.has(name)) files.set(name, descriptor);
  }
  const release = [...files.keys()].map((name) => releaseOf(name)).find((each) => each !== undefined);
  if (release === undefined || !files.has(storedSumsName(release.tool, release.version))) return undefined;
  return { ...release, files };
}
