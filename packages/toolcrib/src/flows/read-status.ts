import type { ToolPins } from '../config/config.ts';
import { formatArtifactName } from '../core/artifact-name.ts';
import type { Digest } from '../core/digest.ts';
import { isSystemError, messageOf, ToolcribError } from '../core/errors.ts';
import { pinOf } from '../core/sums.ts';
import { formatTarget, type Target } from '../core/target.ts';
import { publishedVersions, type AbandonedVersion } from '../releases/published-versions.ts';
import type { TierReport } from '../resolve/resolution.ts';
import type { Host } from './host.ts';
import { collectStores } from './open-store.ts';
import type { Project } from './project.ts';
import { planTarget } from './resolve-artifact.ts';

/** Where a project's tool stands. */
export interface Status {
  readonly tool: string;
  readonly version: number;
  /** Path of the configuration; null for the tool that ships. */
  readonly config: string | null;
  readonly sumsFile: string;
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
  /** Why nobody can tell, e.g. a bundled file with other bytes. */
  readonly problem: string | null;
}

export interface StoreStatus {
  readonly store: string;
  readonly complete: readonly number[];
  /** Claimed and not completed. */
  readonly abandoned: readonly AbandonedVersion[];
  /** Why it could not be asked. */
  readonly problem: string | null;
}

/**
 * Tells version, pins, and where each target would come from. A store that cannot be asked is a problem in the result.
 * @throws UsageError `VERSION_INVALID`, `SUMS_INVALID`.
 */
export async function readStatus(project: Project, host: Host): Promise<Status> {
  const pins = await project.readPins();
  const targets: TargetStatus[] = [];
  for (const target of pins.targets) targets.push(await targetStatus(pins, host, target));
  const { tool, version, sumsFile } = pins;
  const stores = host.offline ? [] : await storeStatuses(pins, host);
  return { tool, version, config: project.config?.file ?? null, sumsFile, targets, stores };
}

async function targetStatus(pins: ToolPins, host: Host, target: Target): Promise<TargetStatus> {
  const { tool, version, sums } = pins;
  const pin = pinOf(sums, { tool, version, target, dev: false }) ?? null;
  const status = { target: formatTarget(target), pin, tier: null, where: null, trail: [], problem: null };
  if (pin === null) {
    const name = formatArtifactName({ tool, version, target, dev: false });
    return { ...status, problem: `${name} is not pinned: it was not published yet` };
  }
  try {
    const { tier, where, trail } = await planTarget(pins, host, target);
    return { ...status, tier, where, trail };
  } catch (error) {
    return { ...status, problem: problemOf(error, host) };
  }
}

async function storeStatuses(pins: ToolPins, host: Host): Promise<readonly StoreStatus[]> {
  const stores = collectStores(host, pins.rewrite);
  const statuses: StoreStatus[] = [];
  try {
    for (const reference of pins.stores) {
      try {
        const versions = await publishedVersions(await stores.open(reference), pins.tool, { signal: host.signal });
        statuses.push({ store: reference.url, ...versions, problem: null });
      } catch (error) {
        statuses.push({ store: reference.url, complete: [], abandoned: [], problem: problemOf(error, host) });
      }
    }
  } finally {
    await stores.close();
  }
  return statuses;
}

/** What stood in the way; bugs and interruptions are thrown on. */
function problemOf(error: unknown, host: Host): string {
  host.signal?.throwIfAborted();
  if (error instanceof ToolcribError || isSystemError(error, 'EACCES')) return messageOf(error);
  throw error;
}
