import { join } from 'node:path';
import type { ToolPins } from '../config/config.ts';
import { hasCode } from '../core/errors.ts';
import type { Sums } from '../core/sums.ts';
import { digestFile } from '../disk/digest-file.ts';
import type { AbandonedVersion } from '../releases/published-versions.ts';

/** A version that was claimed and not completed, and what to do about it. */
export interface AbandonedStatus {
  readonly version: number;
  /** Names that were claimed; null when the stored sums cannot be read as such. */
  readonly claimed: readonly string[] | null;
  /** Claimed names that are there already. */
  readonly present: readonly string[];
  readonly missing: readonly string[];
  /** Absolute paths of files of this machine that have the claimed bytes. */
  readonly here: readonly string[];
  /** `complete`: all its bytes are here; `skip`: it stays what it is, and another version is published. */
  readonly remedy: 'complete' | 'skip';
  /** The same in words. */
  readonly advice: string;
}

interface Circumstances {
  readonly pins: ToolPins;
  /** As the user wrote it. */
  readonly store: string;
  /** Highest complete version there. */
  readonly highest: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Looks for the bytes that would complete a version: only its own can.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function describeAbandoned(
  { version, claim, present, missing }: AbandonedVersion,
  circumstances: Circumstances,
): Promise<AbandonedStatus> {
  const { pins, highest = 0, signal } = circumstances;
  const here = await filesOf(claim ?? new Map(), pins.binaries, signal);
  const completable = claim !== undefined && here.length === claim.size && version > highest;
  return {
    version,
    claimed: claim === undefined ? null : [...claim.keys()],
    present,
    missing,
    here,
    remedy: completable ? 'complete' : 'skip',
    advice: completable ? howToComplete(version, circumstances) : howToSkip(version, highest),
  };
}

async function filesOf(
  claim: Sums,
  folders: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [name, digest] of claim) {
    for (const path of folders.map((folder) => join(folder, name))) {
      if ((await digestIfThere(path, signal)) !== digest) continue;
      found.push(path);
      break;
    }
  }
  return found;
}

async function digestIfThere(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    return (await digestFile(path, { signal })).digest;
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function howToComplete(version: number, { pins, store }: Circumstances): string {
  const publish = `"toolcrib publish --to '${store}'" completes it`;
  return version === pins.version
    ? `its bytes are in the binaries folder: ${publish}`
    : `its bytes are in the binaries folder: where the version file says ${version}, ${publish}`;
}

function howToSkip(version: number, highest: number): string {
  if (version <= highest) return `v${highest} is published: it stays as it is, nobody takes it for a release`;
  return `its bytes are not here: publish from where they were built, or skip it and publish v${version + 1}`;
}
