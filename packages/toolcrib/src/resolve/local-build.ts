import { join } from 'node:path';
import { formatArtifactName } from '../core/artifact-name.ts';
import { NotFoundError, PolicyError } from '../core/errors.ts';
import { formatTarget } from '../core/target.ts';
import { digestFile, type MeasuredFile } from '../disk/digest-file.ts';
import { buildHere, buildPlaces } from './build-tier.ts';
import { measureBundled } from './bundled-tier.ts';
import type { Resolution, ResolutionPlan, ResolveRequest, TierReport } from './resolution.ts';
import { report, withTrail, type Found } from './search.ts';

/** One search for a `-dev` artifact, and what it met so far. */
interface LocalSearch {
  readonly request: ResolveRequest;
  readonly name: string;
  readonly trail: TierReport[];
  readonly dryRun: boolean;
}

/**
 * Finds what was built of an edited checkout: in the binaries folder, else built when the user wants that. No pin vouches
 * for it, so it is only measured, and no store or cache is looked into.
 * @throws PolicyError `NO_ANCHOR` in CI; NotFoundError `NOT_FOUND`, `BUILD_DECLINED`; RemoteError `STORAGE`; as building
 * it; the signal's reason.
 */
export async function resolveLocalBuild(request: ResolveRequest): Promise<Resolution> {
  const search = startSearch(request, false);
  return await withTrail(search, () => resolveFrom(search));
}

async function resolveFrom(search: LocalSearch): Promise<Resolution> {
  const { name, request, trail } = search;
  const found = await firstFound(search);
  if (found?.path == null) throw notBuilt(search);
  const { digest, size } = found.measured ?? (await digestFile(found.path, { signal: request.signal }));
  const { target, install = null } = request;
  const { path, tier, url, store } = found;
  return { name, dev: true, path, digest, size, target, tier, url, store, attestation: null, install, trail };
}

/** Takes the same way as {@link resolveLocalBuild}, but builds nothing. */
export async function planLocalBuild(request: ResolveRequest): Promise<ResolutionPlan> {
  const search = startSearch(request, true);
  const found = await withTrail(search, () => firstFound(search));
  const { name, trail } = search;
  const digest = found?.measured?.digest ?? null;
  return { name, digest, target: request.target, tier: found?.tier ?? null, where: found?.path ?? null, trail };
}

function startSearch(request: ResolveRequest, dryRun: boolean): LocalSearch {
  request.signal?.throwIfAborted();
  const { tool, version } = request.pins;
  const name = formatArtifactName({ tool, version, target: request.target, dev: true });
  if (request.inCi === true) throw refusedInCi(request, name);
  return { request, name, trail: [], dryRun };
}

type FoundHere = Found & { readonly measured?: MeasuredFile };

async function firstFound(search: LocalSearch): Promise<FoundHere | undefined> {
  for (const folder of search.request.pins.binaries) {
    const found = await lookInto(search, folder);
    if (found === undefined) continue;
    skip(search, 'build', buildPlaces(search.request), 'it was found before');
    return found;
  }
  const { cache, pins } = search.request;
  skip(search, 'cache', [cache.directory], 'it holds pinned artifacts only');
  skip(
    search,
    'store',
    pins.stores.map(({ url }) => url),
    'it holds releases only',
  );
  return await buildHere(search);
}

async function lookInto(search: LocalSearch, folder: string): Promise<FoundHere | undefined> {
  const { clock, signal } = search.request;
  const since = clock.elapsed();
  const path = join(folder, search.name);
  const measured = await measureBundled(path, signal);
  if (measured === undefined) {
    report(search, 'bundled', path, 'missing', 'there is no such file', { since });
    return undefined;
  }
  const reason = `it is a local build, measured as ${measured.digest}; no pin vouches for it`;
  report(search, 'bundled', path, 'found', reason, { size: measured.size, since });
  return { tier: 'bundled', path, url: null, store: null, measured };
}

function skip(search: LocalSearch, tier: 'cache' | 'store' | 'build', places: readonly string[], why: string): void {
  for (const place of places) report(search, tier, place, 'skipped', why);
}

function refusedInCi({ install, target }: ResolveRequest, name: string): PolicyError {
  const what = `${name} is a local build that no pin vouches for, and under CI=true none is used`;
  return new PolicyError('NO_ANCHOR', `${what} (${because(install)})`, {
    hint: 'publish the version and commit its pins; TOOLCRIB_INSTALL_STATE=clean asks for what is pinned',
    details: { name, target: formatTarget(target), state: install?.state ?? null, reason: install?.reason ?? null },
  });
}

function notBuilt(search: LocalSearch): NotFoundError {
  const { name, request } = search;
  const places = request.pins.binaries.map((folder) => join(folder, name)).join(', ');
  const [command] = buildPlaces(request);
  const build = command === undefined ? 'say in toolcrib.json how it is built' : `build it: ${command}`;
  return new NotFoundError('NOT_FOUND', `there is no ${places} (${because(request.install)})`, {
    hint: `${build}; TOOLCRIB_INSTALL_STATE=clean asks for what is pinned instead`,
    details: { name, command: command ?? null },
  });
}

function because(install: ResolveRequest['install']): string {
  return install === undefined ? 'a local build was asked for' : `the checkout is ${install.state}: ${install.reason}`;
}
