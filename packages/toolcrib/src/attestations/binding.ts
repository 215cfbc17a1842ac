import { artifactNameFrom } from '../core/artifact-name.ts';
import { digestHex } from '../core/digest.ts';
import { quoted } from '../core/printable.ts';
import { formatTarget } from '../core/target.ts';
import type { AttestationSubject, BuildSource } from './attestation.ts';
import type { Provenance } from './provenance.ts';

/** What a certificate says of the job it was issued to; null where it says nothing. */
export interface CertifiedSource {
  readonly repository: string | null;
  readonly workflow: string | null;
  readonly ref: string | null;
  /** The commit that the signing workflow ran at. */
  readonly commit: string | null;
  readonly run: string | null;
}

/** What is demanded of where an artifact was built; absent parts may be anything. */
export interface DemandedSource {
  readonly repository?: string | undefined;
  readonly workflow?: string | undefined;
  readonly ref?: string | undefined;
  /** The commit of the sources. */
  readonly commit?: string | undefined;
}

/** Says why something is not what it should be. */
interface Wrong {
  readonly status: 'wrong';
  readonly reason: string;
}

/**
 * Whether provenance is of exactly this artifact: digest and name, and, where toolcrib wrote it, tool, version and
 * target. One release's attestation is worth nothing for another's.
 */
export function isOfArtifact(provenance: Provenance, subject: AttestationSubject): { readonly status: 'same' } | Wrong {
  const sha256 = digestHex(subject.digest);
  const named = provenance.subjects.filter(({ name }) => name === subject.name);
  if (named.length === 0)
    return wrong(`it is of ${quoted(provenance.subjects[0]?.name ?? '')}, not of ${subject.name}`);
  const other = named.find((each) => each.sha256 !== sha256);
  if (other !== undefined) return wrong(`it is of sha256:${other.sha256}, not of ${subject.digest}`);
  return isNamed(provenance.artifact, subject);
}

function isNamed(artifact: Provenance['artifact'], subject: AttestationSubject): { readonly status: 'same' } | Wrong {
  const name = artifactNameFrom(subject.name);
  if (artifact === undefined || name === undefined) return { status: 'same' };
  const { tool, version, target } = artifact;
  const same = tool === name.tool && version === name.version && target === formatTarget(name.target);
  return same
    ? { status: 'same' }
    : wrong(`it is of tool ${quoted(tool)}, version ${version}, target ${quoted(target)}, not of ${subject.name}`);
}

/**
 * Whether provenance says what is demanded. Where a certificate vouches, the certificate has to say it: what the signer
 * wrote into the statement must not contradict it. The commit of the sources may be another than that of the workflow
 * only when the statement names both, as in a promotion.
 */
export function isOfSource(
  stated: BuildSource,
  certified: CertifiedSource | undefined,
  demanded: DemandedSource,
): { readonly status: 'same'; readonly source: BuildSource } | Wrong {
  const contradiction = certified && contradictionOf(stated, certified);
  if (contradiction !== undefined) return wrong(contradiction);
  const source = certified === undefined ? stated : merge(stated, certified);
  const vouched = certified ?? stated;
  for (const part of ['repository', 'workflow', 'ref'] as const) {
    const reason = differs(part, demanded[part], vouched[part]);
    if (reason !== undefined) return wrong(reason);
  }
  const reason = differs('commit', demanded.commit, vouched.commit === null ? null : source.commit);
  return reason === undefined ? { status: 'same', source } : wrong(reason);
}

function differs(part: string, demanded: string | undefined, found: string | null): string | undefined {
  if (demanded === undefined || demanded === found) return undefined;
  return `its ${part} is ${found === null ? 'not said' : quoted(found)}, expected ${quoted(demanded)}`;
}

function contradictionOf(stated: BuildSource, certified: CertifiedSource): string | undefined {
  for (const part of ['repository', 'workflow', 'ref', 'run'] as const) {
    if (stated[part] === null || certified[part] === null || stated[part] === certified[part]) continue;
    return `it says ${part} ${quoted(stated[part])}, but was signed by ${part} ${quoted(certified[part])}`;
  }
  const commits = [stated.commit, stated.workflowCommit ?? null].filter((commit) => commit !== null);
  if (certified.commit === null || commits.length === 0 || commits.includes(certified.commit)) return undefined;
  return `it says commit ${commits.map((commit) => quoted(commit)).join(' and ')}, but was signed by a workflow at ${quoted(certified.commit)}`;
}

function merge(stated: BuildSource, certified: CertifiedSource): BuildSource {
  const commit = stated.commit ?? (stated.workflowCommit ? null : certified.commit);
  const workflowCommit = certified.commit ?? stated.workflowCommit ?? null;
  return {
    repository: certified.repository ?? stated.repository,
    workflow: certified.workflow ?? stated.workflow,
    ref: certified.ref ?? stated.ref,
    commit,
    workflowCommit: workflowCommit === commit ? null : workflowCommit,
    run: certified.run ?? stated.run,
  };
}

function wrong(reason: string): Wrong {
  return { status: 'wrong', reason };
}
