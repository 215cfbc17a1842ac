import { artifactNameFrom, formatArtifactName, isToolName } from './artifact-name.ts';
import { isDigest, type Digest } from './digest.ts';
import { IntegrityError } from './errors.ts';
import { parseDocument } from './json-document.ts';
import * as z from 'zod/mini';
import './schema-messages.ts';
import type { Sums } from './sums.ts';
import { formatTarget, targetFrom } from './target.ts';

export const RELEASE_SCHEMA = 'toolcrib.release.v1';

/** One file of a release as its manifest tells it. */
export interface ReleaseFile {
  readonly name: string;
  /** In its written form, e.g. `amd64-any`. */
  readonly target: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly mediaType: string;
  /** Highest `GLIBC_x.y` needed from the sandbox, e.g. `2.17`; null when nothing is needed. */
  readonly glibcFloor: string | null;
  /** Name of the attestation beside it, if there is one. */
  readonly attestation: string | null;
}

/** `{tool}-v{N}.json`, written last: its presence means that the release is complete. formats.md 4. */
export interface ReleaseManifest {
  readonly schema: typeof RELEASE_SCHEMA;
  readonly tool: string;
  readonly version: number;
  /** The commit the artifacts were built from and its date (ISO 8601), null where nobody knows. */
  readonly source: { readonly commit: string | null; readonly date: string | null };
  readonly files: readonly ReleaseFile[];
}

const digestSchema = z.custom<Digest>(
  (value) => typeof value === 'string' && isDigest(value),
  'expected sha256:<64 lowercase hex>',
);

const manifestSchema = z.strictObject({
  schema: z.literal(RELEASE_SCHEMA),
  tool: z.string().check(z.refine(isToolName)),
  version: z.int().check(z.minimum(1)),
  source: z.strictObject({ commit: z.nullable(z.string()), date: z.nullable(z.string()) }),
  files: z
    .array(
      z.strictObject({
        name: z.string(),
        target: z.string().check(z.refine((text) => targetFrom(text) !== undefined)),
        digest: digestSchema,
        size: z.int().check(z.minimum(0)),
        mediaType: z.string(),
        glibcFloor: z.nullable(z.string()),
        attestation: z.nullable(z.string()),
      }),
    )
    .check(z.minLength(1)),
});

/** Compact JSON with keys in the order of the interface, and a newline. Same input, same bytes. */
export function formatReleaseManifest(manifest: ReleaseManifest): string {
  const { schema, tool, version, source, files } = manifest;
  const ordered = files
    .map(({ name, target, digest, size, mediaType, glibcFloor, attestation }) => ({
      name,
      target,
      digest,
      size,
      mediaType,
      glibcFloor,
      attestation,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const { commit, date } = source;
  return `${JSON.stringify({ schema, tool, version, source: { commit, date }, files: ordered })}\n`;
}

/**
 * @param where the URL or path it came from, named in errors.
 * @throws IntegrityError `MALFORMED` when it is not a manifest, or its names contradict its fields.
 */
export function parseReleaseManifest(text: string, where: string): ReleaseManifest {
  const manifest = parseDocument(manifestSchema, text, (what) => malformed(where, what));
  const { tool, version, files } = manifest;
  const names = new Set<string>();
  for (const file of files) {
    if (names.has(file.name)) throw malformed(where, `${file.name} is listed twice`);
    names.add(file.name);
    const target = targetFrom(file.target);
    const name = target && formatArtifactName({ tool, version, target, dev: false });
    if (name !== file.name)
      throw malformed(where, `${file.name} is not the artifact of ${tool} v${version} for ${file.target}`);
  }
  return manifest;
}

/** The sums that a manifest implies. */
export function sumsOfManifest(manifest: ReleaseManifest): Sums {
  return new Map(manifest.files.map((file) => [file.name, file.digest]));
}

/** Written targets of a set of sums, sorted. */
export function targetsOfSums(sums: Sums): readonly string[] {
  return [...sums.keys()]
    .flatMap((name) => {
      const parsed = artifactNameFrom(name);
      return parsed === undefined ? [] : [formatTarget(parsed.target)];
    })
    .sort();
}

function malformed(where: string, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${where} is not a release manifest: ${what}`);
}
