import type { AttestationFile, AttestationSubject, AttestationVerdict } from '../attestations/attestation.ts';
import { enforceAttestation, looksAtAttestations } from '../attestations/enforce.ts';
import { readAttestationsBeside } from '../attestations/files-beside.ts';
import type { KnownRevocations } from '../attestations/known-revocations.ts';
import { readAttestations } from '../cache/attestation-files.ts';
import type { ToolPins } from '../config/config.ts';
import type { Digest } from '../core/digest.ts';
import { hasCode, IntegrityError, messageOf, NotFoundError, PolicyError, RemoteError } from '../core/errors.ts';
import { textOf } from '../core/json-fields.ts';
import { attestedName } from '../core/release-names.ts';
import { silentReporter } from '../core/reporter.ts';
import type { ReadableStore } from '../releases/stored-file.ts';
import type { Host } from './host.ts';
import { openRevocations } from './open-revocations.ts';
import { openVerifier } from './open-verifier.ts';

/** What must not be used any more, as far as lists are known that count. */
export interface RevocationStatus {
  readonly versions: readonly { readonly version: number; readonly reason: string }[];
  readonly digests: readonly { readonly digest: Digest; readonly reason: string }[];
  /** Why a list does not count that is there: while it is so, nothing is resolved. */
  readonly problem: string | null;
}

/** What the policy says of the attestations of one artifact. */
export interface AttestationStatus {
  /** `unknown`: it could not be looked at. */
  readonly status: AttestationVerdict['status'] | 'unknown';
  /** Of a verified one. */
  readonly signer: string | null;
  /** Why it does not count, or could not be looked at. */
  readonly reason: string | null;
}

/** Whether an artifact would be let pass. */
export interface TrustStatus {
  /** Why it is revoked; null when it is not. */
  readonly revoked: string | null;
  /** Null where the policy looks at none. */
  readonly attestation: AttestationStatus | null;
  /** Why resolving it is refused; null when it is not. */
  readonly refusal: string | null;
}

/** Where attestations of an artifact may be. */
export interface AttestationPlaces {
  /** Path of the bundled file; null where there is none. */
  readonly bundled: string | null;
  /** Of each store in turn. */
  readonly stores: readonly (readonly AttestationFile[])[];
}

/** What a project trusts, for whoever only tells about it: what `resolve` throws is a result here. */
export interface StatusTrust {
  /** Adds what a store says is revoked. */
  ask(store: ReadableStore): Promise<void>;
  revocations(): RevocationStatus;
  /** Takes attestations from where `resolve` does, in its order. */
  judge(subject: AttestationSubject, places: AttestationPlaces): Promise<TrustStatus>;
}

/**
 * @throws UsageError `CONFIG_INVALID` for keys that cannot be read; RemoteError `STORAGE`; the signal's reason.
 */
export async function openStatusTrust(pins: ToolPins, host: Host): Promise<StatusTrust> {
  let problem: string | null = null;
  const orProblem = async <T>(work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof PolicyError || error instanceof IntegrityError)) throw error;
      problem ??= error.message;
      return undefined;
    }
  };
  const known = await orProblem(openRevocations(pins, host));
  const judgeAttestation = await openJudge(pins, host);
  return {
    async ask(store) {
      if (known !== undefined) await orProblem(known.ask(store));
    },
    revocations: () => ({ ...revokedBy(known), problem }),
    async judge(subject, places) {
      const revoked = reasonOf(known, subject);
      const { attestation, refusal } = await judgeAttestation(subject, places);
      const revocation = revoked === null ? problem : `revoked: ${revoked}`;
      return { revoked, attestation, refusal: revocation ?? refusal };
    },
  };
}

/** Several lists may say the same: the first one gives the reason. */
function revokedBy(known: KnownRevocations | undefined): Omit<RevocationStatus, 'problem'> {
  const versions = new Map<number, string>();
  const digests = new Map<Digest, string>();
  for (const { list } of known?.lists() ?? []) {
    for (const { version, reason } of list.versions) if (!versions.has(version)) versions.set(version, reason);
    for (const { digest, reason } of list.digests) if (!digests.has(digest)) digests.set(digest, reason);
  }
  return {
    versions: [...versions].sort(([a], [b]) => a - b).map(([version, reason]) => ({ version, reason })),
    digests: [...digests].map(([digest, reason]) => ({ digest, reason })),
  };
}

function reasonOf(known: KnownRevocations | undefined, subject: AttestationSubject): string | null {
  try {
    known?.refuse(subject);
    return null;
  } catch (error) {
    if (hasCode(error, 'REVOKED')) return textOf(error.details, 'reason') ?? error.message;
    throw error;
  }
}

type Judgement = Pick<TrustStatus, 'attestation' | 'refusal'>;
type Judge = (subject: AttestationSubject, places: AttestationPlaces) => Promise<Judgement>;

async function openJudge({ attestation: policy }: ToolPins, host: Host): Promise<Judge> {
  if (!looksAtAttestations(policy)) return () => Promise.resolve({ attestation: null, refusal: null });
  const verifier = await openVerifier(policy, host).catch((error: unknown) => {
    host.signal?.throwIfAborted();
    if (error instanceof RemoteError || error instanceof NotFoundError) return messageOf(error);
    throw error;
  });
  if (typeof verifier === 'string') return () => Promise.resolve(unknown(verifier));
  return async (subject, places) => {
    const verdicts = (await filesInTurn(subject, places, host)).map((files) => verifier.verify(subject, files));
    const verdict = decisive(verdicts);
    try {
      enforceAttestation(policy, subject, verdict, silentReporter);
      return { attestation: statusOf(verdict), refusal: null };
    } catch (error) {
      if (error instanceof PolicyError) return { attestation: statusOf(verdict), refusal: error.message };
      throw error;
    }
  };
}

function unknown(reason: string): Judgement {
  return { attestation: { status: 'unknown', signer: null, reason }, refusal: reason };
}

function statusOf(verdict: AttestationVerdict): AttestationStatus {
  return {
    status: verdict.status,
    signer: verdict.status === 'verified' ? verdict.signer : null,
    reason: 'reason' in verdict ? verdict.reason : null,
  };
}

/** What lies beside the file, what the cache keeps, what each store has. */
async function filesInTurn(
  { name, digest }: AttestationSubject,
  { bundled, stores }: AttestationPlaces,
  { cacheDirectory }: Host,
): Promise<readonly (readonly AttestationFile[])[]> {
  const beside = bundled === null ? [] : await readAttestationsBeside(bundled, name);
  const kept = await readAttestations(cacheDirectory, digest);
  return [beside, kept.filter((file) => attestedName(file.name) === name), ...stores];
}

/** What is beside a file counts first; of what the cache keeps, only what verifies comes before what stores have. */
function decisive([beside, kept, ...stores]: readonly AttestationVerdict[]): AttestationVerdict {
  const found = [beside, kept?.status === 'verified' ? kept : undefined, ...stores, kept];
  return found.find((verdict) => verdict !== undefined && verdict.status !== 'missing') ?? { status: 'missing' };
}
