import { join } from 'node:path';
import { readAttestations } from '../cache/attestation-files.ts';
import type { Digest } from '../core/digest.ts';
import { UsageError } from '../core/errors.ts';
import { attestedName } from '../core/release-names.ts';
import { formatTarget, parseTarget, type Target } from '../core/target.ts';
import type { ToolPins } from '../config/config.ts';
import { ensureDirectory, writeFileAtomically } from '../disk/write-file.ts';
import { placeTogether } from '../fetch/place-together.ts';
import type { Resolution, TierName } from '../resolve/resolution.ts';
import type { Host } from './host.ts';
import { configOf, type Project } from './project.ts';
import { resolveTarget } from './resolve-artifact.ts';

export interface FetchOptions {
  /** Targets in their written form; default: every target of the project. */
  readonly targets?: readonly string[];
}

/** An artifact that lies in the binaries folder now. */
export interface FetchedArtifact {
  readonly name: string;
  /** In its written form. */
  readonly target: string;
  /** Absolute. */
  readonly path: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** Where it came from; `bundled`: it lay there before. */
  readonly tier: TierName;
  readonly url: string | null;
}

/** What {@link fetchArtifacts} brought. */
export interface Fetched {
  readonly tool: string;
  readonly version: number;
  /** Absolute path of the folder. */
  readonly binaries: string;
  readonly artifacts: readonly FetchedArtifact[];
}

/**
 * Brings verified artifacts into the binaries folder, all or none: what a release script calls before it packages.
 * @throws what {@link resolveTarget} says; UsageError `USAGE` without a configuration, `TARGET_INVALID` for a target
 * that the project does not have.
 */
export async function fetchArtifacts(project: Project, host: Host, options: FetchOptions = {}): Promise<Fetched> {
  const { binaries } = configOf(project, 'fetch');
  const pins = await project.readPins();
  const resolutions: Resolution[] = [];
  for (const target of targetsOf(pins, options.targets ?? [])) {
    resolutions.push(await resolveTarget(pins, host, target, { asksRevocations: true }));
  }
  const brought = resolutions.filter(({ tier }) => tier !== 'bundled');
  await ensureDirectory(binaries);
  for (const { name, digest } of brought) await placeAttestations(binaries, name, digest, host);
  await placeTogether(binaries, brought, { signal: host.signal });
  const { tool, version } = pins;
  return { tool, version, binaries, artifacts: resolutions.map((resolution) => fetchedFrom(resolution, binaries)) };
}

/** Beside its artifact an attestation goes with the package: who installs that can look at it without any network. */
async function placeAttestations(folder: string, name: string, digest: Digest, host: Host): Promise<void> {
  for (const file of await readAttestations(host.cacheDirectory, digest)) {
    if (attestedName(file.name) !== name) continue;
    await writeFileAtomically(join(folder, file.name), file.bytes, { mode: 0o644, signal: host.signal });
  }
}

function fetchedFrom(resolution: Resolution, binaries: string): FetchedArtifact {
  const { name, target, digest, size, tier, url } = resolution;
  return { name, target: formatTarget(target), path: join(binaries, name), digest, size, tier, url };
}

function targetsOf({ targets, tool }: ToolPins, wanted: readonly string[]): readonly Target[] {
  if (wanted.length === 0) return targets;
  const known = targets.map(formatTarget);
  return [...new Set(wanted)].map((text) => {
    const target = parseTarget(text);
    if (known.includes(formatTarget(target))) return target;
    throw new UsageError('TARGET_INVALID', `${tool} has no target ${formatTarget(target)}`, {
      hint: `its targets are ${known.join(', ')}`,
    });
  });
}
