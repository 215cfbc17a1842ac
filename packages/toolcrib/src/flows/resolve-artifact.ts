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
import type { Project } from './project.ts';

const GLIBC_LOADERS = ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'];
const MUSL_LOADERS = ['/lib/ld-musl-x86_64.so.1', '/lib/ld-musl-aarch64.so.1'];

export interface ResolveOptions {
  /** In its written form; default: what runs on this machine. */
  readonly target?: string;
}

/**
 * Finds the verified artifact of a project's tool: bundled, cached, or from a store.
 * @throws what `resolve/resolve-artifact.ts` says; UsageError `TARGET_INVALID`; SandboxError `NO_TARGET_FITS`.
 */
export async function resolveArtifact(project: Project, host: Host, options: ResolveOptions = {}): Promise<Resolution> {
  const pins = await project.readPins();
  const target = options.target === undefined ? targetOfHost(pins) : parseTarget(options.target);
  return await resolveTarget(pins, host, target);
}

/** As {@link resolveArtifact}, for who knows the target. */
export async function resolveTarget(
  pins: ToolPins,
  host: Host,
  target: Target,
  options: Pick<ResolveRequest, 'asksRevocations'> = {},
): Promise<Resolution> {
  const { resolveArtifact: resolve } = await import('../resolve/resolve-artifact.ts');
  return await withRequest(pins, host, target, (request) => resolve({ ...request, ...options }));
}

/** What {@link resolveArtifact} would do, with nothing downloaded. */
export async function planTarget(pins: ToolPins, host: Host, target: Target): Promise<ResolutionPlan> {
  const { planResolution } = await import('../resolve/resolve-artifact.ts');
  return await withRequest(pins, host, target, planResolution);
}

/** The cache of a host. */
export function cacheOf(host: Host): Cache {
  return openCache(host.cacheDirectory, { clock: host.clock, reporter: host.reporter });
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

function targetOfHost(pins: ToolPins): Target {
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
