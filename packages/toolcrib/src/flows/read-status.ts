import type { ToolPins } from '../config/config.ts';
import { formatArtifactName } from '../core/artifact-name.ts';
import type { Digest } from '../core/digest.ts';
import { isSystemError, messageOf, ToolcribError } from '../core/errors.ts';
import { pinOf } from '../core/sums.ts';
import { formatTarget, type Target } from '../core/target.ts';
import { attestedName } from '../core/release-names.ts';
import type { AttestationFile } from '../attestations/attestation.ts';
import { looksAtAttestations } from '../attestations/enforce.ts';
import { readStoredAttestations } from '../releases/attestation-files.ts';
import { publishedVersions } from '../releases/published-versions.ts';
import { describeAbandoned, type AbandonedStatus } from './abandoned-status.ts';
import type { Store } from '../stores/store.ts';
import type { Installation } from '../resolve/install-state.ts';
import type { TierReport } from '../resolve/resolution.ts';
import type { Host } from './host.ts';
import { collectStores } from './open-store.ts';
import { readInstallation, readInstalledProject, type InstalledProject } from './install-state.ts';
import type { Project } from './project.ts';
import { planInstalled } from './resolve-artifact.ts';
import { openStatusTrust, type AttestationStatus, type RevocationStatus, type StatusTrust } from './status-trust.ts';

/** Where a project's tool stands. */
export interface Status {
  readonly tool: string;
  readonly version: number;
  /** Path of the configuration; null for the tool that ships. */
  readonly config: string | null;
  readonly sumsFile: string;
  /** The version that the sums file is of: another one between a bump and its publication; null when nobody can tell. */
  readonly sumsVersion: number | null;
  /** How the project got here: it decides what is resolved. */
  readonly install: Installation;
  readonly revocations: RevocationStatus;
  readonly targets: readonly TargetStatus[];
  readonly stores: readonly StoreStatus[];
}

export interface TargetStatus {
  /** In its written form. */
  readonly target: string;
  readonly pin: Digest | null;
  /** The tier that it would resolve from; null when no place has it, or it is not pinned. */
  readonly tier: string | null;
  readonly where: string | null;
  readonly trail: readonly TierReport[];
  /** Why it would not be resolved from there: other bytes, a revocation, the policy; or why nobody can tell. */
  readonly problem: string | null;
  /** Stores that list an attestation of it. Null where the policy of the project does not look at attestations. */
  readonly attestedIn: readonly string[] | null;
  /** What the policy says of its attestation; null where it looks at none, and for what is not pinned. */
  readonly attestation: AttestationStatus | null;
  /** Why it is revoked; null when it is not. */
  readonly revoked: string | null;
}

export interface StoreStatus {
  readonly store: string;
  readonly complete: readonly number[];
  /** Claimed and not completed: claims and drafts. */
  readonly abandoned: readonly AbandonedStatus[];
  /** Why it could not be asked. */
  readonly problem: string | null;
}

/**
 * Tells version, pins, and where each target would come from. A store that cannot be asked is a problem in the result.
 * @throws UsageError `VERSION_INVALID`, `SUMS_INVALID` for sums that nobody can read or that are of several versions; as
 * `flows/install-state.ts`.
 */
export async function readStatus(project: Project, host: Host): Promise<Status> {
  const { installed, sumsVersion } = await readWhatIsPinned(project, host);
  const { pins, install } = installed;
  const trust = await openStatusTrust(pins, host);
  const looked = host.offline ? [] : await lookIntoStores(pins, host, trust);
  const targets: TargetStatus[] = [];
  for (const target of pins.targets) {
    const status = await targetStatus(project, installed, host, target, looked);
    targets.push(install.state === 'edited' ? status : await judged(status, pins, target, looked, trust));
  }
  const { tool, version, sumsFile } = pins;
  const stores = looked.map(({ status }) => status);
  const config = project.config?.file ?? null;
  const revocations = trust.revocations();
  return { tool, version, config, sumsFile, sumsVersion, install, revocations, targets, stores };
}

/** What would be resolved, and whether it is let pass. */
async function judged(
  status: TargetStatus,
  { tool, version }: ToolPins,
  target: Target,
  looked: readonly LookedInto[],
  trust: StatusTrust,
): Promise<TargetStatus> {
  const { pin, tier, where } = status;
  if (pin === null) return status;
  const name = formatArtifactName({ tool, version, target, dev: false });
  const stores = looked.map(({ attestations }) => attestations);
  const bundled = tier === 'bundled' ? where : null;
  const { revoked, attestation, refusal } = await trust.judge({ name, digest: pin }, { bundled, stores });
  return { ...status, revoked, attestation, problem: status.problem ?? refusal };
}

/** Between a bump and its publication the sums are still those of an earlier version: then nothing is pinned. */
async function readWhatIsPinned(
  project: Project,
  host: Host,
): Promise<{ readonly installed: InstalledProject; readonly sumsVersion: number | null }> {
  const { config } = project;
  if (config === undefined) {
    const installed = await readInstalledProject(project, host);
    return { installed, sumsVersion: installed.pins.version };
  }
  const { pinsOf, readPinnedVersion, readVersion } = await import('../config/read-pins.ts');
  const [version, sumsVersion = null] = [await readVersion(config), await readPinnedVersion(config)];
  if (sumsVersion === null || sumsVersion === version) {
    return { installed: await readInstalledProject(project, host), sumsVersion };
  }
  const install = await readInstallation(project, host);
  return { installed: { install, pins: pinsOf(config, version, new Map()) }, sumsVersion };
}

async function targetStatus(
  project: Project,
  installed: InstalledProject,
  host: Host,
  target: Target,
  stores: readonly LookedInto[],
): Promise<TargetStatus> {
  const { pins, install } = installed;
  const { tool, version, sums } = pins;
  const attestedIn = looksAtAttestations(pins.attestation) ? storesThatAttest(pins, target, stores) : null;
  const pin = pinOf(sums, { tool, version, target, dev: false }) ?? null;
  const nowhere = { tier: null, where: null, trail: [], problem: null, attestation: null, revoked: null };
  const status = { target: formatTarget(target), pin, ...nowhere, attestedIn };
  if (pin === null && install.state !== 'edited') {
    const name = formatArtifactName({ tool, version, target, dev: false });
    return { ...status, problem: `${name} is not pinned: it was not published yet` };
  }
  try {
    const { tier, where, trail } = await planInstalled(project, installed, host, target);
    return { ...status, tier, where, trail, problem: tier === null ? whatWasNotRead(trail) : null };
  } catch (error) {
    return { ...status, problem: problemOf(error, host) };
  }
}

/** Places that may have it all the same; null when each was looked at. */
function whatWasNotRead(trail: readonly TierReport[]): string | null {
  const unread = trail.filter(({ outcome }) => outcome === 'unreachable');
  return unread.length === 0 ? null : unread.map(({ where, reason }) => `${where} was not read: ${reason}`).join('; ');
}

function storesThatAttest(
  { tool, version }: ToolPins,
  target: Target,
  stores: readonly LookedInto[],
): readonly string[] {
  const name = formatArtifactName({ tool, version, target, dev: false });
  const attesting = stores.filter(({ current }) => current.some((file) => attestedName(file) === name));
  return attesting.map(({ status }) => status.store);
}

/** What a store holds. */
interface LookedInto {
  readonly status: StoreStatus;
  /** Names of the files of the current version. */
  readonly current: readonly string[];
  /** Of the current version's artifacts. */
  readonly attestations: readonly AttestationFile[];
}

async function lookIntoStores(pins: ToolPins, host: Host, trust: StatusTrust): Promise<readonly LookedInto[]> {
  const stores = collectStores(host, pins.rewrite);
  const looked: LookedInto[] = [];
  try {
    for (const reference of pins.stores) {
      try {
        looked.push(await lookInto(pins, await stores.open(reference), host, trust));
      } catch (error) {
        const status = { store: reference.url, complete: [], abandoned: [], problem: problemOf(error, host) };
        looked.push({ status, current: [], attestations: [] });
      }
    }
  } finally {
    await stores.close();
  }
  return looked;
}

async function lookInto(pins: ToolPins, store: Store, { signal }: Host, trust: StatusTrust): Promise<LookedInto> {
  await trust.ask(store);
  const { complete, abandoned, names } = await publishedVersions(store, pins.tool, { signal });
  const described: AbandonedStatus[] = [];
  for (const each of abandoned) {
    described.push(await describeAbandoned(each, { pins, store: store.reference, highest: complete.at(-1), signal }));
  }
  const status = { store: store.reference, complete, abandoned: described, problem: null };
  const current = names.get(pins.version) ?? [];
  const attestations = looksAtAttestations(pins.attestation) ? await attestationsOf(store, current, signal) : [];
  return { status, current, attestations };
}

/** @param current names of a version's files: only what is listed is read. */
async function attestationsOf(
  store: Store,
  current: readonly string[],
  signal: Host['signal'],
): Promise<readonly AttestationFile[]> {
  const attested = new Set(current.map(attestedName).filter((name) => name !== undefined));
  const files: AttestationFile[] = [];
  for (const name of attested) files.push(...(await readStoredAttestations(store, name, { signal })));
  return files;
}

/** What stood in the way; bugs and interruptions are thrown on. */
function problemOf(error: unknown, host: Host): string {
  host.signal?.throwIfAborted();
  if (error instanceof ToolcribError || isSystemError(error, 'EACCES')) return messageOf(error);
  throw error;
}
