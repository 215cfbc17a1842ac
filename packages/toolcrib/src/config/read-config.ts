import { dirname, isAbsolute, resolve } from 'node:path';
import { byteSizeFrom, type CacheLimits } from '../core/cache-limits.ts';
import { parseDigest } from '../core/digest.ts';
import { hasCode, isSystemError, messageOf, NotFoundError, UsageError } from '../core/errors.ts';
import { parseOciBase } from '../core/oci-location.ts';
import { parseStoreReference, type StoreReference } from '../core/reference.ts';
import { parseTarget } from '../core/target.ts';
import { readSmallText } from '../disk/small-file.ts';
import { NO_ATTESTATION_POLICY } from './attestation-policy.ts';
import type { AttestationPolicy, BuildConfig, ProjectConfig } from './config.ts';
import { configFileSchema, type ConfigFile } from './schema.ts';

/**
 * Reads and normalises a configuration.
 * @throws UsageError `CONFIG_INVALID` naming file and line or key, and what is allowed; NotFoundError `NOT_FOUND`.
 */
export async function readConfig(file: string): Promise<ProjectConfig> {
  return configFrom(await readText(file), file);
}

/**
 * The configuration that a text is, wherever it comes from.
 * @param file absolute path that it stands in, or would.
 * @throws UsageError `CONFIG_INVALID`, `REFERENCE_INVALID`, `TARGET_INVALID`.
 */
export function configFrom(text: string, file: string): ProjectConfig {
  return normaliseConfig(parseConfig(text, file), file);
}

/** No configuration is larger, in bytes. */
const MAX_BYTES = 1024 * 1024;

async function readText(file: string): Promise<string> {
  try {
    return await readSmallText(file, MAX_BYTES);
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND') || (error instanceof Error && isSystemError(error.cause, 'ENOTDIR'))) {
      throw new NotFoundError('NOT_FOUND', `no configuration at ${file}`, { hint: '"toolcrib init" writes one' });
    }
    throw new UsageError('CONFIG_INVALID', messageOf(error), {
      hint: 'a configuration is a file of JSON that this user may read: name another with --config',
      details: { file },
      cause: error,
    });
  }
}

/** @throws UsageError `CONFIG_INVALID`. */
export function parseConfig(text: string, file: string): ConfigFile {
  const json = parseJson(text, file);
  refuseUnknownKeys(json, file);
  const parsed = configFileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const key = issue === undefined || issue.path.length === 0 ? 'the whole file' : `"${issue.path.join('.')}"`;
  throw new UsageError('CONFIG_INVALID', `${file}: ${key}: ${issue?.message ?? 'invalid'}`, {
    hint: 'docs/formats.md lists every key and what it takes',
    details: { file, key: issue?.path.join('.') ?? '' },
  });
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError('CONFIG_INVALID', `${file}${lineOf(text, messageOf(error))}: not JSON: ${messageOf(error)}`, {
      hint: 'JSON knows no comments, no comma after the last entry, and double quotes only',
      details: { file },
      cause: error,
    });
  }
}

/** `:LINE` of what a JSON error is about. */
function lineOf(text: string, message: string): string {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return `:${text.slice(0, Number(position)).split('\n').length}`;
  return `:${firstLineWithUnexpectedToken(text)}`;
}

/** V8 names no position for a token that it did not expect: it is on the first line that makes it complain so. */
function firstLineWithUnexpectedToken(text: string): number {
  const lines = text.split('\n');
  const index = lines.findIndex((_, at) => {
    try {
      JSON.parse(`${lines.slice(0, at + 1).join('\n')}\n`);
      return false;
    } catch (error) {
      return messageOf(error).startsWith('Unexpected token');
    }
  });
  return index < 0 ? lines.length : index + 1;
}

function refuseUnknownKeys(json: unknown, file: string): void {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new UsageError('CONFIG_INVALID', `${file}: expected a JSON object`, {
      hint: 'e.g. { "tool": "my-tool", "targets": ["amd64-any"] }; "toolcrib init" writes one',
      details: { file },
    });
  }
  const allowed = Object.keys(configFileSchema.shape);
  for (const key of Object.keys(json)) {
    if (allowed.includes(key)) continue;
    throw new UsageError('CONFIG_INVALID', `${file}: key "${key}" is unknown`, {
      hint: `allowed keys: ${allowed.join(', ')}`,
      details: { file, key },
    });
  }
}

/** A configuration as if it stood in a file, which is given as an absolute path. */
export function normaliseConfig(config: ConfigFile, file: string): ProjectConfig {
  const absolute = resolve(file);
  const folder = dirname(absolute);
  const inFolder = (path: string): string => resolve(folder, path);
  return {
    file: absolute,
    folder,
    tool: config.tool,
    versionFile: inFolder(config.versionFile),
    sumsFile: inFolder(config.sumsFile),
    binaries: inFolder(config.binaries),
    sources: config.sources,
    baseBranch: config.baseBranch,
    targets: config.targets.map(parseTarget),
    build: config.build && normaliseBuild(config.build, inFolder),
    stores: config.stores.map((text) => anchorStore(parseStoreReference(text), folder)),
    rewrite: config.rewrite,
    attestation: normaliseAttestation(config.attestation, absolute, inFolder),
    entrypoint: config.entrypoint ?? [`bin/${config.tool}`],
    healthcheck: config.healthcheck,
    install: config.install,
    images: config.images,
    cache: normaliseCache(config.cache),
    repoBase: config.repoBase === undefined ? undefined : parseOciBase(config.repoBase),
  };
}

function normaliseBuild(build: NonNullable<ConfigFile['build']>, inFolder: (path: string) => string): BuildConfig {
  switch (build.driver) {
    case 'bun':
      return { driver: 'bun', entry: inFolder(build.entry) };
    case 'command':
      return build;
    case 'docker': {
      const { driver, output } = build;
      const context = inFolder(build.context);
      const dockerfile = build.dockerfile === undefined ? resolve(context, 'Dockerfile') : inFolder(build.dockerfile);
      return { driver, context, dockerfile, output };
    }
  }
}

function normaliseAttestation(
  attestation: ConfigFile['attestation'],
  file: string,
  inFolder: (path: string) => string,
): AttestationPolicy {
  if (attestation === undefined) return NO_ATTESTATION_POLICY;
  const { require, publicKeys, identities, source = {}, trustedRoot, trustedRootDigest } = attestation;
  if (require && publicKeys.length === 0 && identities.length === 0) throw trustsNobody(file);
  return {
    require,
    publicKeys: publicKeys.map(inFolder),
    identities,
    source,
    trustedRoot: trustedRoot === undefined ? undefined : inFolder(trustedRoot),
    trustedRootDigest: trustedRootDigest === undefined ? undefined : parseDigest(trustedRootDigest),
  };
}

function trustsNobody(file: string): UsageError {
  const what = '"attestation" requires attestations and trusts nobody who could give one';
  return new UsageError('CONFIG_INVALID', `${file}: ${what}`, {
    hint: 'name who may attest under "publicKeys" or "identities", or take "require" out: docs/guides/attestations.md',
    details: { file, key: 'attestation' },
  });
}

function normaliseCache({ maxBytes, maxAgeDays }: NonNullable<ConfigFile['cache']> = {}): CacheLimits {
  return { maxBytes: typeof maxBytes === 'string' ? byteSizeFrom(maxBytes) : maxBytes, maxAgeDays };
}

/** Makes a directory store's path absolute: relative to the configuration, or to where a command line was typed. */
export function anchorStore(store: StoreReference, folder: string): StoreReference {
  if (store.kind !== 'directory' || isAbsolute(store.directory)) return store;
  return { ...store, directory: resolve(folder, store.directory) };
}
