import { NO_ATTESTATION_POLICY } from '../../../src/config/attestation-policy.ts';
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildArtifact, type BuildRequest, type BuiltArtifact } from '../../../src/build/artifact.ts';
import type { ProjectConfig } from '../../../src/config/config.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { parseTarget } from '../../../src/core/target.ts';

export const run = promisify(execFile);

export const REPOSITORY = join(import.meta.dirname, '../../../../..');
/** Kept between runs: 150 MB of compilers. */
export const TOOLCHAIN = join(REPOSITORY, '.build/toolchain');

export function projectAt(folder: string, tool: string, entry: string): ProjectConfig {
  return {
    file: join(folder, 'toolcrib.json'),
    folder,
    tool,
    versionFile: join(folder, 'tool-version.txt'),
    sumsFile: join(folder, 'SHA256SUMS'),
    binaries: join(folder, 'binaries'),
    sources: ['.'],
    baseBranch: 'main',
    targets: [],
    build: { driver: 'bun', entry },
    stores: [],
    rewrite: [],
    attestation: NO_ATTESTATION_POLICY,
    entrypoint: [],
    healthcheck: ['healthcheck'],
    install: [],
    images: [],
    cache: {},
    repoBase: undefined,
  };
}

export function build(
  config: ProjectConfig,
  target: string,
  outputDirectory: string,
  more: Partial<BuildRequest> = {},
): Promise<BuiltArtifact> {
  return buildArtifact({
    config,
    version: 7,
    target: parseTarget(target),
    dev: false,
    outputDirectory,
    reporter: silentReporter,
    signal: AbortSignal.timeout(170_000),
    toolchainCache: TOOLCHAIN,
    env: process.env,
    offline: false,
    ...more,
  });
}

/** Unpacks with a tar that is not ours. */
export async function unpack(artifact: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await run('tar', ['-xzf', artifact, '-C', folder]);
}

/** Why a program is missing here, or undefined. */
export async function programsMissing(...programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs) {
    const found = await run('sh', ['-c', 'command -v "$0"', program]).catch(() => undefined);
    if (found === undefined) return `${program} is not installed (scripts/setup installs it)`;
  }
  return process.getuid?.() === 0 ? undefined : 'not root';
}
