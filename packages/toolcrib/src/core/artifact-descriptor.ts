import { isToolName } from './artifact-name.ts';
import { IntegrityError, messageOf } from './errors.ts';
import * as z from 'zod/mini';
import { describeIssues } from './schema-issues.ts';
import './schema-messages.ts';
import { targetFrom } from './target.ts';

export const ARTIFACT_SCHEMA = 'toolcrib.artifact.v1';
/** Stands at the root of an artifact tree: formats.md 3. */
export const DESCRIPTOR_NAME = 'toolcrib-artifact.json';

/** What an artifact tree says of itself. */
export interface ArtifactDescriptor {
  readonly schema: typeof ARTIFACT_SCHEMA;
  readonly tool: string;
  readonly version: number;
  /** In its written form. */
  readonly target: string;
  /** Elements that exist in the tree are relative to its root. */
  readonly entrypoint: readonly string[];
  /** Arguments of the health check, after the entry point. */
  readonly healthcheck: readonly string[];
  /** Highest `GLIBC_x.y` needed from the sandbox; null when nothing is. */
  readonly glibcFloor: string | null;
}

/** The shape of a descriptor, for formats that contain one. */
export const artifactDescriptorSchema = z.strictObject({
  schema: z.literal(ARTIFACT_SCHEMA),
  tool: z.string().check(z.refine(isToolName)),
  version: z.int().check(z.minimum(1)),
  target: z.string().check(z.refine((text) => targetFrom(text) !== undefined)),
  entrypoint: z.array(z.string()).check(z.minLength(1)),
  healthcheck: z.array(z.string()),
  glibcFloor: z.nullable(z.string()),
});

/** Indented JSON with keys in the order of the interface, and a newline. Same input, same bytes. */
export function formatArtifactDescriptor(descriptor: ArtifactDescriptor): string {
  const { schema, tool, version, target, entrypoint, healthcheck, glibcFloor } = descriptor;
  return `${JSON.stringify({ schema, tool, version, target, entrypoint, healthcheck, glibcFloor }, null, 2)}\n`;
}

const HINT = 'docs/formats.md shows a descriptor: build the artifact again with such a one';

/** @throws IntegrityError `MALFORMED` naming what is wrong. */
export function parseArtifactDescriptor(text: string, where: string): ArtifactDescriptor {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new IntegrityError('MALFORMED', `${where} is not JSON: ${messageOf(error)}`, { hint: HINT });
  }
  const parsed = artifactDescriptorSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new IntegrityError('MALFORMED', `${where} is not an artifact descriptor: ${describeIssues(parsed.error)}`, {
    hint: HINT,
  });
}
