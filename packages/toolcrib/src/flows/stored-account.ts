import { MAX_SIGNED_BYTES } from '../attestations/strict-json.ts';
import type { ToolPins } from '../config/config.ts';
import { hasCode, messageOf, NotFoundError, RemoteError } from '../core/errors.ts';
import { revocationListName } from '../core/release-names.ts';
import type { Sums } from '../core/sums.ts';
import { ifThere, readSmallFile } from '../disk/small-file.ts';
import { readSourceRelease, type SourceRelease } from '../mirror/source-release.ts';
import { readStoredBytes } from '../releases/stored-file.ts';
import type { Store } from '../stores/store.ts';
import type { Host } from './host.ts';
import type { OpenStores } from './open-store.ts';

/** A complete release in one of a project's stores. */
export interface StoredAccount {
  readonly release: SourceRelease;
  readonly store: Store;
}

/**
 * What the first of a project's stores says that has a complete release of this version. One that does not answer is told
 * as a warning; offline none is asked.
 * @throws IntegrityError as `readSourceRelease`; the signal's reason.
 */
export async function findStoredAccount(
  { tool, stores }: ToolPins,
  version: number,
  opened: OpenStores,
  { offline, reporter, signal }: Host,
): Promise<StoredAccount | undefined> {
  for (const reference of offline ? [] : stores) {
    try {
      const store = await opened.open(reference);
      return { release: await readSourceRelease(store, { tool, version }, { signal }), store };
    } catch (error) {
      if (!(error instanceof RemoteError) && !hasCode(error, 'NOT_FOUND')) throw error;
      signal?.throwIfAborted();
      const text = `${reference.url} does not tell of ${tool} v${version}: ${messageOf(error)}`;
      reporter.notice({ kind: 'warning', text });
    }
  }
  return undefined;
}

/** The pins of a version: those of the project, where it pins that version, else what a store says. */
export interface VersionPins {
  readonly pins: ToolPins;
  readonly pinned: boolean;
}

/**
 * @throws NotFoundError `NOT_FOUND` when the project does not pin that version and no store tells of it.
 */
export function pinsOfVersion(pins: ToolPins, version: number, account: StoredAccount | undefined): VersionPins {
  if (version === pins.version && pins.sums.size > 0) return { pins, pinned: true };
  if (account !== undefined) {
    const { sums } = account.release;
    const sumsFile = `the stored sums in ${account.store.reference}`;
    return { pins: { ...pins, version, sums: sums satisfies Sums, sumsFile }, pinned: false };
  }
  const pinned = pins.sums.size === 0 ? 'nothing' : `v${pins.version}`;
  throw new NotFoundError('NOT_FOUND', `nobody says what ${pins.tool} v${version} is`, {
    hint: `${pins.sumsFile} pins ${pinned}, and no store that was asked has that version complete`,
    details: { tool: pins.tool, version },
  });
}

/**
 * The signed list of revoked releases, as bytes: the project's, else that of a store.
 * @throws IntegrityError `TOO_LARGE`; RemoteError.
 */
export async function findRevocations(
  { tool, revocationFile }: ToolPins,
  store: Store | undefined,
  { signal }: Host,
): Promise<Uint8Array | undefined> {
  const own = revocationFile === undefined ? undefined : await ifThere(readSmallFile(revocationFile, MAX_SIGNED_BYTES));
  return own ?? (store && (await readStoredBytes(store, revocationListName(tool), { signal })));
}
