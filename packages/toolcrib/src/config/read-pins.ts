import { join } from 'node:path';
import { artifactNameFrom } from '../core/artifact-name.ts';
import { hasCode, messageOf, UsageError } from '../core/errors.ts';
import { revocationListName } from '../core/release-names.ts';
import { MAX_SUMS_BYTES, parseSums, type Sums } from '../core/sums.ts';
import { parseVersionFile } from '../core/version.ts';
import { readSmallText } from '../disk/small-file.ts';
import type { ProjectConfig, ToolPins } from './config.ts';

/**
 * Reads a project's version file and sums file.
 * @throws UsageError `VERSION_INVALID`, `SUMS_INVALID` naming file and line.
 */
export async function readPins(config: ProjectConfig): Promise<ToolPins> {
  const version = await readVersion(config);
  const sums = await readSums(config, version);
  return pinsOf(config, version, sums);
}

/** A project's pins when version and sums are known already. */
export function pinsOf(config: ProjectConfig, version: number, sums: Sums): ToolPins {
  const { tool, targets, sumsFile, stores, rewrite, attestation, install, entrypoint, healthcheck } = config;
  return {
    tool,
    version,
    targets,
    sums,
    sumsFile,
    binaries: [config.binaries],
    stores,
    rewrite,
    attestation,
    revocationFile: join(config.folder, revocationListName(tool)),
    install,
    entrypoint,
    healthcheck,
  };
}

/** No version file is larger, in bytes: it holds one number. */
const MAX_VERSION_BYTES = 1024;

/** @throws UsageError `VERSION_INVALID`. */
export async function readVersion(config: ProjectConfig): Promise<number> {
  const text = await readSmallText(config.versionFile, MAX_VERSION_BYTES).catch((error: unknown) => {
    throw new UsageError('VERSION_INVALID', `no usable version file: ${messageOf(error)}`, {
      hint: 'it is a file with one whole number from 1 on; "toolcrib init" writes it',
      cause: error,
    });
  });
  return parseVersionFile(text, config.versionFile);
}

/**
 * The version of the tool that a sums file is of: between a bump and its publication another than that of the version file.
 * @returns undefined when it pins nothing, something of several versions or another tool, or nobody can read it as sums.
 * @throws UsageError `SUMS_INVALID` for a file that is there and cannot be opened.
 */
export async function readPinnedVersion(config: ProjectConfig): Promise<number | undefined> {
  return pinnedVersion(await readSumsText(config), config);
}

function pinnedVersion(text: string, { tool, sumsFile }: ProjectConfig): number | undefined {
  try {
    const [first, ...others] = [...parseSums(text, sumsFile).keys()].map(artifactNameFrom);
    const isSame = others.every((other) => other?.tool === tool && other.version === first?.version);
    return first?.tool === tool && isSame ? first.version : undefined;
  } catch (error) {
    if (!hasCode(error, 'SUMS_INVALID')) throw error;
    return undefined;
  }
}

async function readSums(config: ProjectConfig, version: number): Promise<Sums> {
  const { tool, sumsFile } = config;
  const text = await readSumsText(config);
  try {
    return parseSums(text, sumsFile, { tool, version });
  } catch (error) {
    const pinned = pinnedVersion(text, config);
    throw pinned === undefined || pinned === version ? error : notPinnedYet(config, version, pinned);
  }
}

function notPinnedYet({ tool, sumsFile, versionFile }: ProjectConfig, version: number, pinned: number): UsageError {
  const message = `${tool} v${version} is not pinned yet: ${sumsFile} is of v${pinned}, ${versionFile} says ${version}`;
  return new UsageError('SUMS_INVALID', message, {
    hint: `"toolcrib build" and "toolcrib publish" make v${version} and its sums; what is published is v${pinned}`,
    details: { tool, version, pinned },
  });
}

/** A sums file that is missing pins nothing; one that cannot be read pins something that nobody knows. */
async function readSumsText({ sumsFile }: ProjectConfig): Promise<string> {
  return await readSmallText(sumsFile, MAX_SUMS_BYTES).catch((error: unknown) => {
    if (hasCode(error, 'NOT_FOUND')) return '';
    throw new UsageError('SUMS_INVALID', `no usable sums file: ${messageOf(error)}`, {
      hint: 'it is the trust anchor: restore it from git, make it readable, or name another file with "sumsFile"',
      cause: error,
    });
  });
}
