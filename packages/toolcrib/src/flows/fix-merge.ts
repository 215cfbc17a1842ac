import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { examineArtifact } from '../build/examine-artifact.ts';
import type { CheckOutcome } from '../check/check-merge.ts';
import type { ProjectConfig } from '../config/config.ts';
import { formatArtifactName } from '../core/artifact-name.ts';
import type { Digest } from '../core/digest.ts';
import { ToolcribError } from '../core/errors.ts';
import { formatSums, type Sums } from '../core/sums.ts';
import { formatVersionFile } from '../core/version.ts';
import { onDisk } from '../disk/storage-error.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import { writeSumsFile } from '../publish/sums-file.ts';
import type { Host } from './host.ts';

/** One file that was mended. */
export interface Fix {
  /** From the top of the repository. */
  readonly file: string;
  /** What was done, as in "wrote version 28". */
  readonly what: string;
}

/**
 * Mends what the merge gate knows how to: writes the required version; restores the pins where they must not change;
 * pins the artifacts of the binaries folder when all of the required version are there; removes pins of another version
 * that git keeps anyway. Whatever it cannot know it leaves as it is.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function fixMerge(config: ProjectConfig, outcome: CheckOutcome, host: Host): Promise<readonly Fix[]> {
  const failed = (rule: string): boolean =>
    outcome.report.rules.some((each) => each.rule === rule && each.outcome === 'failed');
  const version = failed('version') ? await fixVersion(config, outcome, host) : [];
  const sums = failed('sums') ? await fixSums(config, outcome, host) : [];
  return [...version, ...sums];
}

async function fixVersion(config: ProjectConfig, { report, facts }: CheckOutcome, host: Host): Promise<readonly Fix[]> {
  const { requiredVersion } = report;
  const text = textOfVersion(requiredVersion, facts);
  await writeFileAtomically(config.versionFile, text, { signal: host.signal });
  return [{ file: facts.names.version, what: `wrote version ${requiredVersion}` }];
}

/** The base's own bytes where the version goes back to it: a missing newline there is not this change's. */
function textOfVersion(version: number, { version: { base } }: CheckOutcome['facts']): string {
  return base?.version === version ? base.text : formatVersionFile(version);
}

async function fixSums(config: ProjectConfig, { report, facts }: CheckOutcome, host: Host): Promise<readonly Fix[]> {
  const { head, base, committed } = facts.sums;
  const file = facts.names.sums;
  if (report.requiredVersion === facts.version.base?.version) {
    if (base === undefined) return [];
    await writeFileAtomically(config.sumsFile, base, { signal: host.signal });
    return [{ file, what: 'restored it as it is on the base' }];
  }
  const version = report.requiredVersion;
  const sums = await sumsOfBinaries(config, version, host);
  if (sums !== undefined) {
    if (formatSums(sums) === head.text) return [];
    await writeSumsFile(config.sumsFile, sums, { tool: config.tool, version, targets: config.targets }, host);
    return [{ file, what: `pinned the artifacts of v${version} that lie in the binaries folder` }];
  }
  const isKept = head.text !== undefined && (head.text === base || head.text === committed);
  if (!isKept) return [];
  await onDisk('remove', config.sumsFile, () => rm(config.sumsFile));
  return [{ file, what: `removed it: it did not pin v${version}, and git keeps it` }];
}

/** Undefined when an artifact is missing or is none. */
async function sumsOfBinaries(config: ProjectConfig, version: number, host: Host): Promise<Sums | undefined> {
  const sums = new Map<string, Digest>();
  for (const target of config.targets) {
    const artifact = { tool: config.tool, version, target, dev: false };
    const path = join(config.binaries, formatArtifactName(artifact));
    try {
      const { name, digest } = await examineArtifact(path, artifact, config.entrypoint, host.signal);
      sums.set(name, digest);
    } catch (error) {
      host.signal?.throwIfAborted();
      if (error instanceof ToolcribError) return undefined;
      throw error;
    }
  }
  return sums;
}
