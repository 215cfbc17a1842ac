import * as z from 'zod/mini';
import { artifactNameFrom } from '../core/artifact-name.ts';
import { digestHex } from '../core/digest.ts';
import { describeIssues } from '../core/schema-issues.ts';
import '../core/schema-messages.ts';
import { formatTarget } from '../core/target.ts';
import type { AttestationSubject, BuildSource } from './attestation.ts';
import { malformed, parseStrictJson } from './strict-json.ts';

const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1';
/** Names the meaning of our external parameters: docs/formats.md, Attestations. */
const BUILD_TYPE = 'urn:toolcrib:build:v1';
const LOCAL_BUILDER = 'urn:toolcrib:builder:local';
/** What a dependency is called that is not the sources, but what the signing workflow was read from. */
const WORKFLOW_DEPENDENCY = 'workflow';

/** What provenance says of artifacts, and where it says that they come from. */
export interface Provenance {
  readonly subjects: readonly { readonly name: string; /** 64 hex digits. */ readonly sha256: string }[];
  /** Tool, version and target as toolcrib writes them beside the name; undefined in provenance that others write. */
  readonly artifact: { readonly tool: string; readonly version: number; readonly target: string } | undefined;
  readonly source: BuildSource;
}

/**
 * The statement of one artifact: in-toto statement v1 with SLSA provenance v1, https://slsa.dev/spec/v1.0/provenance.
 * Compact JSON; same input, same bytes.
 */
export function formatProvenance(subject: AttestationSubject, source: BuildSource): string {
  const { repository, workflow, ref, run } = source;
  const known = withoutNull({ ref, repository, path: workflow });
  return JSON.stringify({
    _type: STATEMENT_TYPE,
    subject: [{ name: subject.name, digest: { sha256: digestHex(subject.digest) } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: { ...artifactOf(subject), ...(Object.keys(known).length > 0 && { workflow: known }) },
        resolvedDependencies: dependenciesOf(source),
      },
      runDetails: {
        builder: { id: repository && workflow ? `${repository}/${workflow}${ref ? `@${ref}` : ''}` : LOCAL_BUILDER },
        ...(run && { metadata: { invocationId: run } }),
      },
    },
  });
}

function artifactOf({ name }: AttestationSubject): Provenance['artifact'] {
  const artifact = artifactNameFrom(name);
  if (artifact === undefined) throw new Error(`${name} is not the name of an artifact`);
  return { tool: artifact.tool, version: artifact.version, target: formatTarget(artifact.target) };
}

function dependenciesOf({ repository, ref, commit, workflowCommit }: BuildSource): readonly object[] {
  const sources = { uri: repository && `git+${repository}${ref ? `@${ref}` : ''}`, commit, name: undefined };
  const workflow = { ...sources, commit: workflowCommit === commit ? null : workflowCommit, name: WORKFLOW_DEPENDENCY };
  return [sources, workflow].flatMap((dependency) =>
    dependency.commit
      ? [
          {
            ...(dependency.name !== undefined && { name: dependency.name }),
            ...(dependency.uri && { uri: dependency.uri }),
            digest: { gitCommit: dependency.commit },
          },
        ]
      : [],
  );
}

function withoutNull(parts: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(parts).flatMap(([key, value]) => (value === null ? [] : [[key, value]])));
}

// Loose where others may say more than we read; what is read has to have its shape.
const statementSchema = z.looseObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z
    .array(
      z.looseObject({
        name: z.string().check(z.minLength(1)),
        digest: z.looseObject({ sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)) }),
      }),
    )
    .check(z.minLength(1), z.maxLength(1024)),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.looseObject({
    buildDefinition: z.looseObject({
      buildType: z.string(),
      externalParameters: z.looseObject({
        workflow: z.optional(
          z.looseObject({
            ref: z.optional(z.string()),
            repository: z.optional(z.string()),
            path: z.optional(z.string()),
          }),
        ),
      }),
      resolvedDependencies: z.optional(
        z
          .array(
            z.looseObject({
              name: z.optional(z.string()),
              digest: z.optional(z.looseObject({ gitCommit: z.optional(z.string()) })),
            }),
          )
          .check(z.maxLength(1024)),
      ),
    }),
    runDetails: z.optional(
      z.looseObject({ metadata: z.optional(z.looseObject({ invocationId: z.optional(z.string()) })) }),
    ),
  }),
});

type Statement = z.infer<typeof statementSchema>;

const artifactSchema = z.looseObject({
  tool: z.string(),
  version: z.int().check(z.minimum(1)),
  target: z.string(),
});

/**
 * Reads provenance: strictly what binds it to an artifact, loosely the rest, so that what GitHub's `attest` action and
 * other makers of SLSA provenance v1 write is read too.
 * @param where names the file in errors.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE`.
 */
export function parseProvenance(payload: Uint8Array, where: string): Provenance {
  const parsed = statementSchema.safeParse(parseStrictJson(payload, where));
  if (!parsed.success) {
    throw malformed(where, `not an in-toto statement with SLSA provenance v1: ${describeIssues(parsed.error)}`);
  }
  const { subject, predicate } = parsed.data;
  return {
    subjects: subject.map(({ name, digest }) => ({ name, sha256: digest.sha256 })),
    artifact: parseArtifact(predicate.buildDefinition, where),
    source: sourceOf(predicate),
  };
}

/** Others may have parameters of the same names: only under our build type they mean what we mean. */
function parseArtifact(definition: Statement['predicate']['buildDefinition'], where: string): Provenance['artifact'] {
  if (definition.buildType !== BUILD_TYPE) return undefined;
  const parsed = artifactSchema.safeParse(definition.externalParameters);
  if (!parsed.success) throw malformed(where, `tool, version and target: ${describeIssues(parsed.error)}`);
  const { tool, version, target } = parsed.data;
  return { tool, version, target };
}

function sourceOf({ buildDefinition, runDetails }: Statement['predicate']): BuildSource {
  const { externalParameters, resolvedDependencies = [] } = buildDefinition;
  const { repository, path, ref } = externalParameters.workflow ?? {};
  const commits = resolvedDependencies.flatMap(({ name, digest }) =>
    digest?.gitCommit === undefined ? [] : [{ commit: digest.gitCommit, ofWorkflow: name === WORKFLOW_DEPENDENCY }],
  );
  return {
    repository: repository ?? null,
    workflow: path ?? null,
    ref: ref ?? null,
    commit: commits.find(({ ofWorkflow }) => !ofWorkflow)?.commit ?? null,
    workflowCommit: commits.find(({ ofWorkflow }) => ofWorkflow)?.commit ?? null,
    run: runDetails?.metadata?.invocationId ?? null,
  };
}
