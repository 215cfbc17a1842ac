import type { ToolPins } from '../config/config.ts';
import { NotFoundError, RemoteError, type ToolcribError } from '../core/errors.ts';
import { targetsOfSums } from '../core/release.ts';
import { formatTarget, type Target } from '../core/target.ts';
import { buildPlaces } from './build-tier.ts';
import { HIDDEN } from './store-tier.ts';
import type { Search } from './search.ts';

/** What a search that found nothing is for the user: it may be there (exit 7), or it is not (exit 3). */
export function notResolved(search: Search): ToolcribError {
  const { pins, offline } = search.request;
  if (offline && pins.stores.length > 0) return notCached(search);
  const unreachable = search.trail.filter((report) => report.outcome === 'unreachable');
  return unreachable.length > 0 ? unreachableStores(search, unreachable) : nowhere(search);
}

/** The version is pinned for other targets, or for none. */
export function notPinned(pins: ToolPins, target: Target): NotFoundError {
  const pinned = targetsOfSums(pins.sums);
  const there = pinned.length === 0 ? 'it pins nothing yet' : `it pins ${pinned.join(', ')}`;
  const what = `${pins.tool} v${pins.version} for ${formatTarget(target)}`;
  return new NotFoundError('NOT_FOUND', `${what} is not pinned in ${pins.sumsFile}: ${there}`, {
    hint:
      pinned.length === 0
        ? 'publish the version with "toolcrib publish"; it writes the pins'
        : `take a pinned target with --target, or add ${formatTarget(target)} to a new version`,
    details: { tool: pins.tool, version: pins.version, target: formatTarget(target), pinned },
  });
}

function notCached(search: Search): RemoteError {
  return new RemoteError(
    'OFFLINE',
    `${search.artifact.name} (${search.artifact.digest}) is neither bundled nor cached, and no store is asked offline`,
    {
      hint: `run the same command once online: then it is in the cache${orBuildIt(search)}`,
      details: detailsOf(search),
    },
  );
}

/** The command that would build it, as the end of a hint. */
function orBuildIt({ request }: Search): string {
  return buildPlaces(request)
    .map((command) => `; or build it here: ${command}`)
    .join('');
}

function unreachableStores(search: Search, reports: Search['trail']): RemoteError {
  const names = reports.map(({ where, reason }) => `${where} (${reason})`).join(', ');
  return new RemoteError(
    'UNREACHABLE',
    `${search.artifact.name} was not found, and not every store answered: ${names}`,
    {
      hint: `check the network, proxy and credentials, then try again; "toolcrib resolve --explain" tells every place${orBuildIt(search)}`,
      details: { ...detailsOf(search), urls: reports.map(({ where }) => where) },
    },
  );
}

function nowhere(search: Search): NotFoundError {
  const places = search.trail.flatMap(({ tier, where }) => (tier === 'build' ? [] : [where])).join(', ');
  return new NotFoundError('NOT_FOUND', `${search.artifact.name} is in none of: ${places}`, {
    hint: `${adviceOf(search)}${orBuildIt(search)}`,
    details: detailsOf(search),
  });
}

function adviceOf({ request, trail, artifact }: Search): string {
  const { packages } = request.pins;
  if (packages !== undefined) return installing(packages[artifact.target.arch]);
  if (request.pins.stores.length === 0) return 'no store is configured: name one under "stores" in toolcrib.json';
  const hidden = trail.filter(({ reason }) => reason === HIDDEN).map(({ where }) => where);
  const publish = 'publish it with "toolcrib publish", or check "stores" in toolcrib.json';
  if (hidden.length === 0) return publish;
  return `if it is published, find out who may read ${hidden.join(', ')}, which answered 403; else ${publish}`;
}

/**
 * npm leaves out what is for another processor, for which `--force` helps and `--cpu` does not (npm 11). A saved one would
 * end each later `npm ci`.
 */
function installing(name: string): string {
  const command = `npm install --force --no-save ${name}`;
  return `it is in an npm package that npm installs by itself only for its own processor: "${command}", or with -g where toolcrib was installed with -g`;
}

function detailsOf({ artifact: { name, digest } }: Search): { name: string; digest: string } {
  return { name, digest };
}
