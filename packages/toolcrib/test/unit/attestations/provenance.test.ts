import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BuildSource } from '../../../src/attestations/attestation.ts';
import { buildSourceFromEnv } from '../../../src/attestations/build-source.ts';
import { formatProvenance, parseProvenance } from '../../../src/attestations/provenance.ts';
import { formatArtifactName } from '../../../src/core/artifact-name.ts';
import { digestHex } from '../../../src/core/digest.ts';
import { formatTarget } from '../../../src/core/target.ts';
import { failureOf } from '../core/failure.ts';
import { artifactName, digest } from '../core/vocabulary.ts';
import { changedStatement, SOURCE, SUBJECT } from './samples.ts';

const read = (statement: string) => parseProvenance(Buffer.from(statement), 'FILE');
const part = fc.oneof(fc.constant(null), fc.string({ minLength: 1 }));
const source: fc.Arbitrary<BuildSource> = fc.record({
  repository: part,
  workflow: part,
  ref: part,
  commit: part,
  workflowCommit: part,
  run: part,
});

describe('provenance', () => {
  test('says what was written into it', () => {
    fc.assert(
      fc.property(artifactName, digest, source, (name, of, from) => {
        const subject = { name: formatArtifactName(name), digest: of };
        const statement = formatProvenance(subject, from);
        expect(formatProvenance(subject, from)).toBe(statement);
        expect(read(statement)).toEqual({
          subjects: [{ name: subject.name, sha256: digestHex(of) }],
          artifact: { tool: name.tool, version: name.version, target: formatTarget(name.target) },
          source: { ...from, workflowCommit: from.workflowCommit === from.commit ? null : from.workflowCommit },
        });
      }),
    );
  });

  test('is an in-toto statement v1 with SLSA provenance v1', () => {
    expect(JSON.parse(formatProvenance(SUBJECT, { ...SOURCE, workflowCommit: 'd'.repeat(40) }))).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: SUBJECT.name, digest: { sha256: digestHex(SUBJECT.digest) } }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          buildType: 'urn:toolcrib:build:v1',
          externalParameters: {
            tool: 'sandbox-tools',
            version: 2,
            target: 'amd64-any',
            workflow: { ref: SOURCE.ref, repository: SOURCE.repository, path: SOURCE.workflow },
          },
          resolvedDependencies: [
            { uri: `git+${SOURCE.repository}@${SOURCE.ref}`, digest: { gitCommit: SOURCE.commit } },
            { name: 'workflow', uri: `git+${SOURCE.repository}@${SOURCE.ref}`, digest: { gitCommit: 'd'.repeat(40) } },
          ],
        },
        runDetails: {
          builder: { id: `${SOURCE.repository}/${SOURCE.workflow}@${SOURCE.ref}` },
          metadata: { invocationId: SOURCE.run },
        },
      },
    });
  });

  test('names one commit when sources and workflow are of the same', () => {
    const { commit } = SOURCE;
    expect(formatProvenance(SUBJECT, { ...SOURCE, workflowCommit: commit })).toBe(formatProvenance(SUBJECT, SOURCE));
    const unknown = read(formatProvenance(SUBJECT, { ...SOURCE, commit: null, workflowCommit: commit })).source;
    expect([unknown.commit, unknown.workflowCommit]).toEqual([null, commit]);
  });

  test('that GitHub writes is read too', () => {
    // The shape of what actions/attest-build-provenance signs, with more in it than is read here.
    const statement = {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [
        { name: 'other', digest: { sha256: 'a'.repeat(64), sha512: 'b'.repeat(128) } },
        { name: SUBJECT.name, digest: { sha256: digestHex(SUBJECT.digest) } },
      ],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {
        buildDefinition: {
          buildType: 'https://actions.github.io/buildtypes/workflow/v1',
          externalParameters: {
            workflow: { ref: SOURCE.ref, repository: SOURCE.repository, path: SOURCE.workflow },
          },
          internalParameters: {
            github: { event_name: 'push', repository_id: '1', runner_environment: 'github-hosted' },
          },
          resolvedDependencies: [
            { uri: `git+${SOURCE.repository}@${SOURCE.ref}`, digest: { gitCommit: SOURCE.commit } },
          ],
        },
        runDetails: {
          builder: { id: `${SOURCE.repository}/${SOURCE.workflow}@${SOURCE.ref}` },
          metadata: { invocationId: SOURCE.run },
        },
      },
    };
    expect(read(JSON.stringify(statement))).toEqual({
      subjects: [
        { name: 'other', sha256: 'a'.repeat(64) },
        { name: SUBJECT.name, sha256: digestHex(SUBJECT.digest) },
      ],
      artifact: undefined,
      source: { ...SOURCE, workflowCommit: null },
    });
  });

  test.each<[string, (statement: Record<string, unknown>) => void]>([
    ['another statement type', (statement) => (statement['_type'] = 'https://in-toto.io/Statement/v0.1')],
    ['another predicate', (statement) => (statement['predicateType'] = 'https://spdx.dev/Document')],
    ['no subject', (statement) => (statement['subject'] = [])],
    ['a subject without a name', (statement) => (statement['subject'] = [{ digest: { sha256: 'a'.repeat(64) } }])],
    ['a subject without SHA-256', (statement) => (statement['subject'] = [{ name: 'x', digest: { sha1: 'a' } }])],
    [
      'a digest in capitals',
      (statement) => (statement['subject'] = [{ name: 'x', digest: { sha256: 'A'.repeat(64) } }]),
    ],
    ['no predicate', (statement) => delete statement['predicate']],
    ['our build type without its parameters', (statement) => (statement['predicate'] = bare('urn:toolcrib:build:v1'))],
    [
      'a repository of another type',
      (statement) => (statement['predicate'] = bare('x', { workflow: { repository: 1 } })),
    ],
  ])('is refused with %s', (_, change) => {
    const error = failureOf(() => read(changedStatement(change)));
    expect([error.code, error.message]).toEqual(['MALFORMED', expect.stringMatching(/^FILE: /)]);
  });

  test('of others may lack all that says where it comes from', () => {
    expect(read(changedStatement((statement) => (statement['predicate'] = bare('x')))).source).toEqual({
      repository: null,
      workflow: null,
      ref: null,
      commit: null,
      workflowCommit: null,
      run: null,
    });
  });
});

function bare(buildType: string, externalParameters: object = {}): object {
  return { buildDefinition: { buildType, externalParameters } };
}

describe('a job of GitHub Actions', () => {
  const job = {
    GITHUB_ACTIONS: 'true',
    GITHUB_SERVER_URL: 'https://github.example.com',
    GITHUB_REPOSITORY: 'acme/tools',
    GITHUB_WORKFLOW_REF: 'acme/tools/.github/workflows/build.yml@refs/pull/7/merge',
    GITHUB_REF: 'refs/pull/7/merge',
    GITHUB_SHA: 'a'.repeat(40),
    GITHUB_RUN_ID: '42',
    GITHUB_RUN_ATTEMPT: '3',
  };

  test('says where it builds', () => {
    expect(buildSourceFromEnv(job)).toEqual({
      repository: 'https://github.example.com/acme/tools',
      workflow: '.github/workflows/build.yml',
      ref: 'refs/pull/7/merge',
      commit: 'a'.repeat(40),
      workflowCommit: 'a'.repeat(40),
      run: 'https://github.example.com/acme/tools/actions/runs/42/attempts/3',
    });
  });

  test('says nothing that is not there, and nothing of a workflow of another repository', () => {
    expect(buildSourceFromEnv({ GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'a/b', GITHUB_SHA: '' })).toEqual({
      repository: 'https://github.com/a/b',
      workflow: null,
      ref: null,
      commit: null,
      workflowCommit: null,
      run: null,
    });
    const other = { ...job, GITHUB_WORKFLOW_REF: 'acme/tools-of-others/.github/workflows/x.yml@main' };
    expect(buildSourceFromEnv(other)?.workflow).toBeNull();
  });

  test('is only where GitHub says so', () => {
    expect(buildSourceFromEnv({ ...job, GITHUB_ACTIONS: undefined })).toBeUndefined();
    expect(buildSourceFromEnv({ ...job, GITHUB_REPOSITORY: undefined })).toBeUndefined();
  });
});
