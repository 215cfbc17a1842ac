import { join } from 'node:path';
import { buildArtifact, type BuiltArtifact } from '../build/artifact.ts';
import { readPins, readVersion } from '../config/read-pins.ts';
import { verifyExpected } from '../core/digest.ts';
import { UsageError } from '../core/errors.ts';
import { pinOf } from '../core/sums.ts';
import { formatTarget, isSameTarget, parseTarget, type Target } from '../core/target.ts';
import type { ProjectConfig } from '../config/config.ts';
import type { Host } from './host.ts';
import { configOf, type Project } from './project.ts';

export interface BuildOptions {
  /** In their written form; default: all of the configuration. */
  readonly targets?: readonly string[];
  /** True: a `-dev` artifact, which is never published. */
  readonly dev?: boolean;
  /** True: the result must have the pinned digests. */
  readonly verify?: boolean;
  /** A program with its arguments that starts whatever runs code of the project. Default: it is started as it is. */
  readonly launcher?: readonly string[];
}

/**
 * Builds artifacts into the binaries folder, one after the other.
 * @throws what `build/artifact.ts` says; UsageError `USAGE`, `TARGET_INVALID`; with `verify` IntegrityError
 * `DIGEST_MISMATCH`.
 */
export async function buildTool(
  project: Project,
  host: Host,
  options: BuildOptions = {},
): Promise<readonly BuiltArtifact[]> {
  const config = configOf(project, 'build');
  const version = await readVersion(config);
  const { dev = false, launcher } = options;
  const { reporter, env, cacheDirectory, offline } = host;
  const signal = host.signal ?? new AbortController().signal;
  const place = { outputDirectory: config.binaries, toolchainCache: join(cacheDirectory, 'toolchain') };
  const built: BuiltArtifact[] = [];
  for (const target of targetsOf(config, options.targets ?? [])) {
    const request = { config, version, target, dev, ...place, reporter, env: { ...env }, offline, signal, launcher };
    built.push(await buildArtifact(request));
  }
  if (options.verify === true) await verifyAgainstPins(config, version, built);
  return built;
}

function targetsOf(config: ProjectConfig, names: readonly string[]): readonly Target[] {
  const wanted = names.map(parseTarget);
  const foreign = wanted.find((target) => !config.targets.some((each) => isSameTarget(each, target)));
  if (foreign === undefined) return wanted.length === 0 ? config.targets : wanted;
  throw new UsageError('TARGET_INVALID', `${formatTarget(foreign)} is not among the targets of ${config.file}`, {
    hint: `its targets are ${config.targets.map(formatTarget).join(', ')}`,
  });
}

async function verifyAgainstPins(
  config: ProjectConfig,
  version: number,
  built: readonly BuiltArtifact[],
): Promise<void> {
  const { tool, sums } = await readPins(config);
  for (const { name, target, digest, size } of built) {
    const pin = pinOf(sums, { tool, version, target, dev: false });
    if (pin === undefined) throw notPinned(config.sumsFile, name);
    verifyExpected(`the artifact built as ${name}`, { digest: pin }, { digest, size });
  }
}

function notPinned(sumsFile: string, name: string): UsageError {
  return new UsageError('SUMS_INVALID', `${sumsFile} does not pin ${name}`, {
    hint: '"toolcrib publish" pins what was built; until then build without --verify',
    details: { name },
  });
}
