import { layoutOf } from '../cache/layout.ts';
import type { ToolPins } from '../config/config.ts';
import { anchorStore } from '../config/read-config.ts';
import { NotFoundError, UsageError } from '../core/errors.ts';
import { parseStoreReference } from '../core/reference.ts';
import { mirrorRelease, type MirrorReport } from '../mirror/mirror-release.ts';
import { mirrorRevocations, type MirroredRevocations } from '../mirror/mirror-revocations.ts';
import { publishedVersions } from '../releases/published-versions.ts';
import type { Store } from '../stores/store.ts';
import type { Host } from './host.ts';
import { collectStores } from './open-store.ts';
import type { Project } from './project.ts';
import { openReleaseTrust } from './release-trust.ts';

/** Which releases are copied. */
export interface MirrorOptions {
  /** Default: the project's current one. */
  readonly versions?: readonly number[];
  /** True: every complete release of the tool, ascending. */
  readonly all?: boolean;
  /** True: attestations that the policy does not verify are copied, too, and a list of revoked releases. */
  readonly unverifiedAttestations?: boolean;
  /** True: versions that the project does not pin may have fewer targets than the project. */
  readonly partial?: boolean;
}

/** What became of each release. */
export interface Mirroring {
  readonly tool: string;
  /** As the user wrote it. */
  readonly from: string;
  /** As the user wrote it. */
  readonly to: string;
  /** Ascending. */
  readonly releases: readonly MirrorReport[];
  /** Versions that are claimed in the source and were never completed; with `all` they are passed over. */
  readonly incomplete: readonly number[];
  /** The signed list of revoked releases. */
  readonly revocations: MirroredRevocations;
}

/**
 * Copies complete releases from one store into another, one after the other, each verified on its way. The list of
 * revoked releases goes first: where a release is, its revocation is. A list in the other store that lacks what is known to
 * be revoked keeps no release from being copied; it is reported.
 * @param from reference of a store. @param to reference of a store.
 * @throws what `mirror/mirror-release.ts` says; UsageError `REFERENCE_INVALID`, `USAGE` for a copy onto itself or both
 * `versions` and `all`; NotFoundError `NOT_FOUND` when there is nothing to copy.
 */
export async function mirrorReleases(
  project: Project,
  host: Host,
  from: string,
  to: string,
  options: MirrorOptions = {},
): Promise<Mirroring> {
  if (options.all === true && (options.versions ?? []).length > 0) throw bothGiven();
  const references = [from, to].map((text) => anchorStore(parseStoreReference(text), host.cwd));
  const [source, target] = references;
  if (source === undefined || target === undefined) throw new Error('two references were parsed');
  if (JSON.stringify({ ...source, url: '' }) === JSON.stringify({ ...target, url: '' })) throw ontoItself(from);
  const pins = await project.readPins();
  const stores = collectStores(host, pins.rewrite);
  try {
    return await copyAll(pins, host, { from: await stores.open(source), to: await stores.open(target) }, options);
  } finally {
    await stores.close();
  }
}

async function copyAll(
  pins: ToolPins,
  host: Host,
  { from, to }: { readonly from: Store; readonly to: Store },
  options: MirrorOptions,
): Promise<Mirroring> {
  const { tool } = pins;
  const { clock, reporter, signal } = host;
  const { versions, incomplete } = await chooseVersions(pins, from, options, signal);
  const trust = await openReleaseTrust(pins, host, tool, [from, to]);
  const spool = { directory: layoutOf(host.cacheDirectory).spool, clock, reporter, signal };
  const { unverifiedAttestations = false, partial = false } = options;
  const { keys } = trust;
  const known = trust.revocations.lists();
  const copy = { tool, keys, known, unverified: unverifiedAttestations, signal };
  const revocations = await mirrorRevocations(from, to, copy);
  const releases: MirrorReport[] = [];
  const request = { tool, from, to, trust, spool, unverifiedAttestations, partial };
  for (const version of versions) releases.push(await mirrorRelease({ ...request, version }));
  return { tool, from: from.reference, to: to.reference, releases, incomplete, revocations };
}

/** Ascending, so that an empty store grows as the other one did. */
async function chooseVersions(
  { tool, version }: ToolPins,
  from: Store,
  { versions = [], all = false }: MirrorOptions,
  signal: AbortSignal | undefined,
): Promise<{ readonly versions: readonly number[]; readonly incomplete: readonly number[] }> {
  if (!all) {
    const chosen = versions.length === 0 ? [version] : [...new Set(versions)];
    return { versions: chosen.sort((a, b) => a - b), incomplete: [] };
  }
  const { complete, abandoned } = await publishedVersions(from, tool, { signal });
  if (complete.length > 0) return { versions: complete, incomplete: abandoned.map((each) => each.version) };
  throw new NotFoundError('NOT_FOUND', `${from.reference} holds no complete release of ${tool}`, {
    hint: 'look at the reference, and at the rights of the credentials: an anonymous reader may see an empty store',
    details: { tool, store: from.reference },
  });
}

function bothGiven(): UsageError {
  return new UsageError('USAGE', '--version and --all say different things', { hint: 'give one of them' });
}

function ontoItself(reference: string): UsageError {
  return new UsageError('USAGE', `${reference} cannot be copied onto itself`, { hint: 'name two stores' });
}
