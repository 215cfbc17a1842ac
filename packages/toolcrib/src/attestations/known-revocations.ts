import { join } from 'node:path';
import { hasCode, messageOf, RemoteError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import { readSmallFile } from '../disk/small-file.ts';
import { ensureDirectory, writeFileAtomically } from '../disk/write-file.ts';
import type { ReadableStore } from '../releases/stored-file.ts';
import type { AttestationSubject } from './attestation.ts';
import type { TrustedKey } from './keys.ts';
import { readProjectRevocations, readStoredRevocations } from './read-revocations.ts';
import { refuseRevoked, verifyRevocations, type TrustedRevocations } from './revocations.ts';
import { MAX_SIGNED_BYTES } from './strict-json.ts';

/** What is known to be revoked of one tool: every list that was found counts. */
export interface KnownRevocations {
  /**
   * Adds what a store says. A store that does not answer is told as a warning.
   * @throws PolicyError `ATTESTATION_UNTRUSTED`, `ATTESTATION_WRONG`; IntegrityError `MALFORMED`, `TOO_LARGE` for a list
   * that does not count; the signal's reason.
   */
  ask(store: ReadableStore): Promise<void>;
  /** @throws PolicyError `REVOKED` with the reason. */
  refuse(subject: AttestationSubject): void;
  /** All that were found so far. */
  lists(): readonly TrustedRevocations[];
}

/** Where revocations are looked for. */
export interface RevocationPlaces {
  readonly tool: string;
  /** Those of the policy: lists are signed by one of them. */
  readonly keys: readonly TrustedKey[];
  /** Absolute path of the project's list, which may be missing; undefined where there is no project. */
  readonly projectFile: string | undefined;
  /** Absolute path of the folder that keeps what stores said, so that none can take it back; made when needed. */
  readonly keptIn: string;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads the project's list and those that stores gave out before.
 * @throws as {@link readProjectRevocations}.
 */
export async function readKnownRevocations(places: RevocationPlaces): Promise<KnownRevocations> {
  const { tool, keys, projectFile, reporter, signal } = places;
  const project = await readProjectRevocations(projectFile, tool, keys);
  const lists = [...(project === undefined ? [] : [project]), ...(await readKept(places))];
  return {
    async ask(store) {
      try {
        const found = await readStoredRevocations(store, tool, keys, { signal });
        if (found === undefined) return;
        lists.push(found);
        await keepNewer(places, found);
      } catch (error) {
        if (!(error instanceof RemoteError)) throw error;
        signal?.throwIfAborted();
        const text = `${store.reference} does not say what is revoked: ${messageOf(error)}`;
        reporter.notice({ kind: 'warning', text });
      }
    },
    refuse: (subject) => refuseRevoked(lists, subject),
    lists: () => [...lists],
  };
}

/** Lists of other projects' keys, and what is broken, do not count: they only help, and stores can be asked again. */
async function readKept(places: RevocationPlaces): Promise<readonly TrustedRevocations[]> {
  const found = await Promise.all(places.keys.map(({ keyid }) => readKeptOf(places, keyid)));
  return found.flatMap((list) => (list === undefined ? [] : [list]));
}

async function readKeptOf(places: RevocationPlaces, keyid: string): Promise<TrustedRevocations | undefined> {
  const where = keptPath(places, keyid);
  try {
    const bytes = await readSmallFile(where, MAX_SIGNED_BYTES, { followLinks: false });
    return verifyRevocations(bytes, { ...places, where });
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND', 'STORAGE', 'TOO_LARGE', 'MALFORMED')) return undefined;
    if (hasCode(error, 'ATTESTATION_UNTRUSTED', 'ATTESTATION_WRONG')) return undefined;
    throw error;
  }
}

/** A cache that cannot be written to is no reason to fail. */
async function keepNewer(places: RevocationPlaces, found: TrustedRevocations & { readonly bytes: Uint8Array }) {
  const kept = await readKeptOf(places, found.keyid);
  if (kept !== undefined && Date.parse(kept.list.issued) >= Date.parse(found.list.issued)) return;
  try {
    await ensureDirectory(places.keptIn);
    await writeFileAtomically(keptPath(places, found.keyid), found.bytes, { signal: places.signal });
  } catch (error) {
    if (!hasCode(error, 'STORAGE')) throw error;
  }
}

function keptPath({ keptIn, tool }: RevocationPlaces, keyid: string): string {
  return join(keptIn, `${tool}.${keyid}.json`);
}
