import { join } from 'node:path';
import { digestHex, digestOf, isDigest, type Digest } from '../core/digest.ts';
import { fieldOf, textOf } from '../core/json-fields.ts';
import {
  formatIdentity,
  identityFrom,
  livenessOf,
  ownIdentity,
  type ProcessIdentity,
} from '../disk/process-identity.ts';
import { ABANDONED_AFTER_MS } from '../disk/temporary.ts';
import type { SandboxKey } from './ledger.ts';
import { readRecord, recordNames, removeRecord, writeRecord } from './ledger-record.ts';
import { placementAt } from './placement-name.ts';

const SCHEMA = 'toolcrib.unfinished.v1';

/**
 * A directory of a sandbox that is no placement, noted on the host before the first byte of it is written:
 *
 * - `writing`: a process writes it, or wrote it and was killed.
 * - `left`: what could not be taken away; nobody writes it any more.
 * - `replaced`: a placement that was found changed or gone, or a mount where a copy was wanted, so that another was made. Programs may
 *   still run from it.
 * - `mounted`: a placement that is a mount. That ends with the sandbox's run; then the directory is empty, and a placement no more.
 */
export interface Unfinished {
  /** Path of the sandbox, with the name of a placement. */
  readonly directory: string;
  readonly digest: Digest;
  readonly state: 'writing' | 'left' | 'replaced' | 'mounted';
  /** Of the sandbox, when it was noted; absent in notes of older versions. */
  readonly startedAt?: string;
  /** Who noted it. */
  readonly process: ProcessIdentity;
  /** Wall clock, milliseconds since 1970. */
  readonly notedAt: number;
}

/** Notes about directories of sandboxes that are no placements: small files of the ledger, found by the sandbox. */
export interface UnfinishedNotes {
  /** Replaces what was noted of that directory. @throws RemoteError `STORAGE`. */
  note(sandbox: SandboxId, what: Pick<Unfinished, 'directory' | 'digest' | 'state'>): Promise<void>;
  /** Nothing noted is fine. @throws RemoteError `STORAGE`. */
  strike(sandbox: SandboxId, directory: string): Promise<void>;
  /** All notes of a sandbox, also from before it was started again; what cannot be read is none. */
  list(sandbox: SandboxId): Promise<readonly Unfinished[]>;
}

type SandboxId = Pick<SandboxKey, 'engine' | 'id'> & Partial<Pick<SandboxKey, 'startedAt'>>;

/** @param ledger directory of the ledger; need not be there. */
export function createNotes(ledger: string, now: () => number): UnfinishedNotes {
  return {
    async note(sandbox, { directory, digest, state }) {
      const { engine, id, startedAt } = sandbox;
      const process = formatIdentity(ownIdentity());
      const about = { engine, sandbox: id, startedAt, directory };
      const record = { schema: SCHEMA, ...about, digest, state, process, notedAt: now() };
      await writeRecord(ledger, nameOf(sandbox, directory), record);
    },
    strike: (sandbox, directory) => removeRecord(join(ledger, nameOf(sandbox, directory))),
    async list(sandbox) {
      const names = (await recordNames(ledger)).filter((name) => name.startsWith(`${keyOf(sandbox)}-`));
      const read = async (name: string) => unfinishedFrom(await readRecord(join(ledger, name)), sandbox, name);
      return (await Promise.all(names.map(read))).flatMap((one) => one ?? []);
    },
  };
}

/**
 * Whether nobody writes that directory any more. A process of another machine, boot or pid namespace cannot be asked: it
 * counts as alive for {@link ABANDONED_AFTER_MS}.
 * @param now wall clock, milliseconds since 1970.
 * @param startedAt of the sandbox, now.
 */
export function isLeftOver({ state, process, notedAt, ...noted }: Unfinished, now: number, startedAt: string): boolean {
  if (state === 'mounted') return noted.startedAt !== startedAt;
  if (state !== 'writing') return state === 'left';
  const liveness = livenessOf(process);
  return liveness === 'unknown' ? Math.abs(now - notedAt) > ABANDONED_AFTER_MS : liveness === 'dead';
}

/** The random part of a placement's name is the note's, too. */
function nameOf(sandbox: SandboxId, directory: string): string {
  const random = placementAt(directory)?.random;
  if (random === undefined) throw new Error(`${directory} is not a directory that an injection makes`);
  return `${keyOf(sandbox)}-${random}.json`;
}

function keyOf({ engine, id }: SandboxId): string {
  return digestHex(digestOf(JSON.stringify([engine, id])));
}

function unfinishedFrom(value: unknown, sandbox: SandboxId, name: string): Unfinished | undefined {
  const directory = textOf(value, 'directory');
  const digest = textOf(value, 'digest');
  const state = textOf(value, 'state');
  const process = identityFrom(textOf(value, 'process') ?? '');
  const notedAt = fieldOf(value, 'notedAt');
  const startedAt = textOf(value, 'startedAt');
  if (textOf(value, 'schema') !== SCHEMA || process === undefined) return undefined;
  if (directory === undefined || placementAt(directory) === undefined) return undefined;
  if (textOf(value, 'engine') !== sandbox.engine || textOf(value, 'sandbox') !== sandbox.id) return undefined;
  if (nameOf(sandbox, directory) !== name || typeof notedAt !== 'number') return undefined;
  if (digest === undefined || !isDigest(digest) || !isState(state)) return undefined;
  return { directory, digest, state, process, notedAt, ...(startedAt !== undefined && { startedAt }) };
}

function isState(text: string | undefined): text is Unfinished['state'] {
  return text === 'writing' || text === 'left' || text === 'replaced' || text === 'mounted';
}
