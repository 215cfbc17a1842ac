import { existsSync } from 'node:fs';
import { openCache, type Cache } from '../cache/cache.ts';
import type { ToolPins } from '../config/config.ts';
import { UsageError } from '../core/errors.ts';
import type { StoreReference } from '../core/reference.ts';
import { archFrom, parseTarget, type Target } from '../core/target.ts';
import { chooseTarget } from '../resolve/choose-target.ts';
import type { Resolution, ResolutionPlan, ResolveRequest } from '../resolve/resolution.ts';
import type { OpenStores } from './open-store.ts';
import type { Host } from './host.ts';
import { readInstalledProject, type InstalledProject } from './install-state.ts';
import type { BuildDialogue } from './local-builder.ts';
import type { Project } from './project.ts';

const GLIBC_LOADERS = ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'];
const MUSL_LOADERS = ['/lib/ld-musl-x86_64.so.1', '/lib/ld-musl-aarch64.so.1'];

export interface ResolveOptions {
  /** In its written form; default: what runs on this machine. */
  readonly target?: string;
  /** Whom to ask whether what no place has shall be built; default: nobody, and nothing is built. */
  readonly dialogue?: BuildDialogue | undefined;
}

/**
 * Finds the verified artifact of a project's tool: bundled, cached, from a store, or built when the user wants that. In an
 * edited checkout it is the `-dev` artifact.
 * @throws what `resolve/resolve-artifact.ts` and `flows/install-state.ts` say; UsageError `TARGET_INVALID`; SandboxError
 * `NO_TARGET_FITS`.
 */
export async function resolveArtifact(project: Project, host: Host, options: ResolveOptions = {}): Promise<Resolution> {
  const installed = await readInstalledProject(project, host);
  const target = options.target === undefined ? targetOfHost(installed.pins) : parseTarget(options.target);
  return await resolveInstalled(project, installed, host, { target, dialogue: options.dialogue });
}

/** As {@link resolveArtifact}, for who knows pins and target. */
export async function resolveInstalled(
  project: Project,
  installed: InstalledProject,
  host: Host,
  options: { readonly target: Target; readonly dialogue?: BuildDialogue | undefined },
): Promise<Resolution> {
  const { resolveArtifact: resolve } = await import('../resolve/resolve-artifact.ts');
  const { target, dialogue } = options;
  const more = await howInstalled(project, installed, host, target, dialogue);
  return await withRequest(installed.pins, host, target, (request) => resolve({ ...request, ...more }));
}

/** What {@link resolveInstalled} would do, with nothing downloaded or built. */
export async function planInstalled(
  project: Project,
  installed: InstalledProject,
  host: Host,
  target: Target,
): Promise<ResolutionPlan> {
  const { planResolution } = await import('../resolve/resolve-artifact.ts');
  const more = await howInstalled(project, installed, host, target, undefined);
  return await withRequest(installed.pins, host, target, (request) => planResolution({ ...request, ...more }));
}

async function howInstalled(
  project: Project,
  installed: InstalledProject,
  host: Host,
  target: Target,
  dialogue: BuildDialogue | undefined,
): Promise<Pick<ResolveRequest, 'install' | 'builder' | 'inCi'>> {
  const { install } = installed;
  const { localBuilder } = await import('./local-builder.ts');
  return { install, builder: localBuilder(project, installed, host, { target, dialogue }), inCi: isCi(host) };
}

function isCi({ env }: Host): boolean {
  return env['CI'] === 'true';
}

/** The pinned artifact of one target, however the project got here: what releases are made of. */
export async function resolveTarget(
  pins: ToolPins,
  host: Host,
  target: Target,
  options: Pick<ResolveRequest, 'asksRevocations'> = {},
): Promise<Resolution> {
  const { resolveArtifact: resolve } = await import('../resolve/resolve-artifact.ts');
  return await withRequest(pins, host, target, (request) => resolve({ ...request, ...options }));
}

/** The cache of a host. */
export function cacheOf({ cacheDirectory, ledgerDirectory: ledger, clock, reporter }: Host): Cache {
  return openCache(cacheDirectory, { ledger, clock, reporter });
}

async function withRequest<T>(
  pins: ToolPins,
  host: Host,
  target: Target,
  work: (request: ResolveRequest) => Promise<T>,
): Promise<T> {
  const { offline, reporter, clock, signal } = host;
  const stores = lazyStores(host, pins.rewrite);
  const { openStore } = stores;
  const openVerifier = async () => {
    const { openVerifier: open } = await import('./open-verifier.ts');
    return await open(pins.attestation, host);
  };
  const openRevocations = async () => {
    const { openRevocations: open } = await import('./open-revocations.ts');
    return await open(pins, host);
  };
  const trust = { openVerifier, openRevocations };
  const cache = cacheOf(host);
  try {
    return await work({ pins, target, cache, openStore, ...trust, offline, reporter, clock, signal });
  } finally {
    await stores.close();
  }
}

/** Loads the stores only when the first one is asked for: a cached artifact needs none. */
function lazyStores(host: Host, rewrite: ToolPins['rewrite']) {
  let stores: Promise<OpenStores> | undefined;
  return {
    openStore: async (reference: StoreReference) => {
      stores ??= import('./open-store.ts').then(({ collectStores }) => collectStores(host, rewrite));
      return (await stores).open(reference);
    },
    close: async () => (await stores)?.close(),
  };
}

/** What runs on this machine. @throws UsageError `TARGET_INVALID`; SandboxError `NO_TARGET_FITS`. */
export function targetOfHost(pins: ToolPins): Target {
  const arch = archFrom(process.arch);
  if (arch !== undefined) return chooseTarget(pins.targets, { arch, libc: libcOfHost() });
  throw new UsageError('TARGET_INVALID', `no artifact runs on the architecture of this machine (${process.arch})`, {
    hint: 'name one with --target',
  });
}

/** The C library of this machine by its loader; undefined where there is none of those that targets know. */
function libcOfHost(): 'glibc' | 'musl' | undefined {
  if (GLIBC_LOADERS.some((path) => existsSync(path))) return 'glibc';
  return MUSL_LOADERS.some((path) => existsSync(path)) ? 'musl' : undefined;
}
