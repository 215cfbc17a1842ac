import { hasCode, IntegrityError, RemoteError } from '../core/errors.ts';
import { releaseManifestName } from '../core/release-names.ts';
import { differentNames, isSameSums, type Sums } from '../core/sums.ts';
import type { ReadableStore } from '../releases/stored-file.ts';
import { readRelease, readStoredSums, type ReleaseId } from '../releases/stored-release.ts';
import type { Lister } from '../stores/store.ts';
import type { Claim } from './required-version.ts';
import type { RuleResult } from './rule.ts';

/** The roles of a store that a check needs: it never writes. */
export type CheckedStore = ReadableStore & Lister;

interface Options {
  readonly signal: AbortSignal | undefined;
}

/**
 * Asks a store who claimed a version.
 * @throws the signal's reason; bugs.
 */
export async function readClaim(store: CheckedStore, id: ReleaseId, { signal }: Options): Promise<Claim> {
  try {
    const sums = await readStoredSums(store, id, { signal });
    return sums === undefined ? { kind: 'free' } : { kind: 'held', sums };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof IntegrityError) return { kind: 'damaged', why: error.message };
    if (error instanceof RemoteError) return { kind: 'unknown', why: error.message };
    throw error;
  }
}

/**
 * Whether a store holds a release, complete and with exactly the pinned digests as far as the store tells; the bytes of
 * artifacts are not read, for whoever uses them compares them with the pins.
 * @throws the signal's reason; bugs.
 */
export async function inspectStore(
  store: CheckedStore,
  id: ReleaseId,
  pins: Sums,
  { signal }: Options,
): Promise<RuleResult> {
  try {
    return await judgeRelease(store, id, pins, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof IntegrityError) return storeResult(store, 'failed', whatIsDamaged(error, id), STOP);
    if (error instanceof RemoteError) {
      const todo = mayBeHidden(error) ? SHOW : TRY_AGAIN;
      return storeResult(store, 'failed', `could not be told: ${error.message}`, todo);
    }
    throw error;
  }
}

/** A result for a store that was not asked. */
export function storeSkipped(reference: string | null, message: string): RuleResult {
  return { rule: 'store', store: reference, outcome: 'skipped', message, todo: null, file: null };
}

const STOP =
  'stop and look into it: a published version never changes, so never upload over it; if the store is wrong, publish the next version';
const SHOW =
  'what is published has to be for everybody to read, for the change may be of anybody; or let "toolcrib check --base BRANCH --with-credentials" ask with yours the stores that the base has too. Was nothing published yet? Then publish it';
const TRY_AGAIN = 'run the check again; with --offline stores are left out, and nobody knows';
const PUBLISH = 'publish it: "toolcrib promote" takes what CI built, "toolcrib publish" what was built here';

/** What a private store answers to strangers, and some public ones to whoever asks for what is not there. */
function mayBeHidden({ code, details }: RemoteError): boolean {
  const { status } = details;
  return code === 'REMOTE_REFUSED' && typeof status === 'number' && [401, 403, 404].includes(status);
}

/** Of what is no release nothing is quoted: a change can make a store of whatever this machine can reach. */
function whatIsDamaged({ code, message, details }: IntegrityError, { tool, version }: ReleaseId): string {
  const isQuoting = code === 'MALFORMED' && details['different'] === undefined;
  return isQuoting ? `what stands there as ${tool} v${version} is not a release` : message;
}

async function judgeRelease(store: CheckedStore, id: ReleaseId, pins: Sums, options: Options): Promise<RuleResult> {
  const { version } = id;
  const release = await readRelease(store, id, options);
  if (release === undefined) return await judgeIncomplete(store, id, pins, options);
  const different = differentNames(release.sums, pins);
  if (different.length > 0) {
    return storeResult(
      store,
      'failed',
      `holds v${version} with other digests than are pinned: ${different.join(', ')}`,
      STOP,
    );
  }
  const missing = await missingArtifacts(store, id, pins, options);
  if (missing.length === 0) return storeResult(store, 'ok', `holds v${version} with the pinned digests`);
  return storeResult(store, 'failed', `v${version} is complete by its manifest, but lacks ${missing.join(', ')}`, STOP);
}

async function judgeIncomplete(store: CheckedStore, id: ReleaseId, pins: Sums, options: Options): Promise<RuleResult> {
  const claim = await readStoredSums(store, id, options);
  if (claim === undefined) return storeResult(store, 'failed', `does not have v${id.version}`, PUBLISH);
  if (isSameSums(claim, pins)) {
    const message = `v${id.version} was begun with the pinned digests and never completed: ${releaseManifestName(id.tool, id.version)} is missing`;
    return storeResult(store, 'failed', message, `complete it by publishing the same bytes again: ${PUBLISH}`);
  }
  return storeResult(store, 'failed', `v${id.version} is claimed with other digests than are pinned`, STOP);
}

/** By a list where the store gives one to everybody, else by opening each artifact, of which only the start is read. */
async function missingArtifacts(
  store: CheckedStore,
  id: ReleaseId,
  pins: Sums,
  { signal }: Options,
): Promise<readonly string[]> {
  const names = await listed(store, `${id.tool}-`, signal);
  const missing: string[] = [];
  for (const [name, digest] of pins) {
    if (names?.has(name) === true) continue;
    const file = await store.fetch(name, { digest, ...(signal && { signal }) });
    if (file === undefined) missing.push(name);
    else await readStart(file.bytes);
  }
  return missing;
}

async function listed(
  store: CheckedStore,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set(await store.list(prefix, signal === undefined ? {} : { signal }));
  } catch (error) {
    if (hasCode(error, 'REMOTE_REFUSED')) return undefined;
    throw error;
  }
}

/** Ends the iteration, which frees the connection. */
async function readStart(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes) return;
}

function storeResult(
  { reference }: CheckedStore,
  outcome: RuleResult['outcome'],
  message: string,
  todo: string | null = null,
): RuleResult {
  return { rule: 'store', store: reference, outcome, message, todo, file: null };
}
