import { resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import type { OciRepository } from '../core/oci-location.ts';
import { parseStoreReference } from '../core/reference.ts';
import { acquirePack } from '../extensions/acquire-pack.ts';
import type { AcquiredPack, WantedPack } from '../extensions/acquired-pack.ts';
import { openPackCache } from '../extensions/pack-cache.ts';
import type { PackOrigins, PackRegistry } from '../extensions/pack-origins.ts';
import type { Transfer } from '../transfer/transfer.ts';
import type { Host } from './host.ts';
import type { Project } from './project.ts';
import { cacheOf } from './resolve-artifact.ts';

/** Acquires the packs of extensions, from anywhere. Who opened it closes it. */
export interface ExtensionPacks {
  /** @throws as `acquirePack`. */
  acquire(wanted: WantedPack): Promise<AcquiredPack>;
  /** Frees connections. */
  close(): Promise<void>;
}

/** The absolute path of the directory of a pack. @param pack relative to the host's working directory; default: that. */
export function packDirectoryOf({ cwd }: Pick<Host, 'cwd'>, pack = '.'): string {
  return resolve(cwd, pack);
}

/**
 * Where packs come from on this machine: the cache, the store that the environment names, servers and registries, by the
 * rewrite rules and the `repoBase` of the project. Nothing is loaded or connected to before it is needed.
 */
export function openExtensionPacks({ config }: Project, host: Host): ExtensionPacks {
  const { clock, reporter, offline, signal, env } = host;
  const rewrite = config?.rewrite ?? [];
  const closing: (() => Promise<void>)[] = [];
  let transfer: Promise<Transfer> | undefined;
  const registries = new Map<string, Promise<PackRegistry>>();
  const origins: PackOrigins = {
    cache: openPackCache(host.cacheDirectory, { clock, reporter }),
    locks: cacheOf(host),
    offline,
    storeBase: (what) => extensionStoreOf(env, what),
    repoBase: config?.repoBase,
    async get(url, options) {
      transfer ??= openTransfer(host, rewrite, closing);
      return await (await transfer).get(url, options);
    },
    async openRegistry(repository) {
      const known = registries.get(repository.url) ?? openRegistry(host, repository, rewrite, closing);
      registries.set(repository.url, known);
      return await known;
    },
    clock,
    reporter,
    signal,
  };
  return {
    acquire: (wanted) => acquirePack(wanted, origins),
    async close() {
      await Promise.all(closing.map((close) => close()));
    },
  };
}

type Rewrite = readonly { readonly from: string; readonly to: string }[];

async function openTransfer(host: Host, rewrite: Rewrite, closing: (() => Promise<void>)[]): Promise<Transfer> {
  const { transferOptions } = await import('./open-store.ts');
  const { createTransfer } = await import('../transfer/transfer.ts');
  const transfer = createTransfer(await transferOptions(host, rewrite));
  closing.push(() => transfer.close());
  return transfer;
}

async function openRegistry(
  host: Host,
  repository: OciRepository,
  rewrite: Rewrite,
  closing: (() => Promise<void>)[],
): Promise<PackRegistry> {
  const { registryCredentials, transferOptions } = await import('./open-store.ts');
  const { openOciArtifacts } = await import('../stores/oci/oci-artifacts.ts');
  const options = { ...(await transferOptions(host, rewrite)), credentials: registryCredentials(host) };
  const artifacts = openOciArtifacts(repository, options);
  closing.push(() => artifacts.close());
  return artifacts;
}

const OWN_VARIABLE = 'TOOLCRIB_STORE_URL';
const ORIGINAL_VARIABLE = 'GREENTIC_STORE_URL';

/**
 * The extension store that the environment names: docs/formats.md, "Extensions".
 * @param what needs it, for messages.
 * @returns its URL, without a slash at its end.
 * @throws UsageError `USAGE` when none is named, or it is no URL of a store.
 */
function extensionStoreOf(env: Host['env'], what: string): string {
  const variable = env[OWN_VARIABLE] ? OWN_VARIABLE : ORIGINAL_VARIABLE;
  const value = env[variable];
  if (!value) {
    throw new UsageError(
      'USAGE',
      `${what} needs an extension store, and neither ${OWN_VARIABLE} nor ${ORIGINAL_VARIABLE} is set`,
      {
        hint: `set ${OWN_VARIABLE}=https://HOST[/BASE]; what is in the cache is found without it when it is locked, or offline`,
      },
    );
  }
  try {
    const reference = parseStoreReference(value);
    if (reference.kind === 'http') return reference.base;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
  // Its value may hold a password: it is not repeated.
  throw new UsageError('USAGE', `${what} needs an extension store, and ${variable} does not name one`, {
    hint: 'write https://HOST[/BASE], without credentials or a query; plain HTTP is for this machine only',
  });
}
