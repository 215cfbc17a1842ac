import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { recordUseUnlocked } from '../cache/last-use.ts';
import { isDigest, type Digest } from '../core/digest.ts';
import { textOf } from '../core/json-fields.ts';
import type { SandboxIdentity } from '../sandboxes/sandbox.ts';
import { readRecord, recordNames, removeRecord, writeRecord } from './ledger-record.ts';
import type { MountedTree } from './host-tree.ts';
import type { Placement, Protection, Rung } from './placement.ts';

const SCHEMA = 'toolcrib.placement.v1';
const NAME = /^[0-9a-f]{64}\.json$/;

/** What the host remembers of a placement; nothing in the sandbox is believed instead. */
export interface LedgerEntry {
  readonly directory: string;
  readonly rung: Rung;
  readonly protection: Protection;
  readonly why: string;
  readonly readBack: Placement['readBack'];
  readonly provenAt: number;
  /** The tree of this host that is mounted there, with the rung `overlay`. */
  readonly source?: MountedTree;
}

/** Which sandbox, and which start of it. */
export type SandboxKey = Pick<SandboxIdentity, 'engine' | 'id' | 'startedAt'>;

/** An entry of a sandbox, whichever artifact it is about. */
export interface KnownPlacement {
  /** Of the start of the sandbox in which it was proven. */
  readonly sandbox: SandboxKey;
  readonly digest: Digest;
  readonly entry: LedgerEntry;
}

/**
 * Placements by sandbox and artifact: one small file each. A container that was started again is another sandbox. What
 * cannot be read as an entry is none.
 */
export interface Ledger {
  /**
   * Undefined when nothing is known, or what is written there is not an entry.
   * @param options.usedAt wall clock, milliseconds since 1970, of a use that keeps the entry from being collected; absent
   * for who only looks.
   */
  find(identity: SandboxKey, digest: Digest, options?: { readonly usedAt?: number }): Promise<LedgerEntry | undefined>;
  /** Replaces what was known. @throws RemoteError `STORAGE`. */
  record(identity: SandboxKey, digest: Digest, entry: LedgerEntry): Promise<void>;
  /** All that is known of a sandbox, also from before it was started again. Reads every entry. */
  list(identity: Pick<SandboxKey, 'engine' | 'id'>): Promise<readonly KnownPlacement[]>;
  /** Nothing known is fine. @throws RemoteError `STORAGE`. */
  forget(identity: SandboxKey, digest: Digest): Promise<void>;
}

/** @param directory need not be there. */
export function createLedger(directory: string): Ledger {
  const pathOf = (identity: SandboxKey, digest: Digest) => join(directory, `${keyOf(identity, digest)}.json`);
  return {
    async find(identity, digest, { usedAt } = {}) {
      const path = pathOf(identity, digest);
      const entry = entryFrom(await readRecord(path), keyOf(identity, digest));
      if (entry !== undefined && usedAt !== undefined) await recordUseUnlocked(path, usedAt);
      return entry;
    },
    async record(identity, digest, entry) {
      const { engine, id, startedAt } = identity;
      const key = keyOf(identity, digest);
      const record = { schema: SCHEMA, key, engine, sandbox: id, startedAt, digest, ...entry };
      await writeRecord(directory, `${key}.json`, record);
    },
    async list({ engine, id }) {
      const names = (await recordNames(directory)).filter((name) => NAME.test(name));
      const known = await Promise.all(
        names.map(async (name) => knownFrom(await readRecord(join(directory, name)), name)),
      );
      return known.flatMap((one) => one ?? []).filter(({ sandbox }) => sandbox.engine === engine && sandbox.id === id);
    },
    forget: (identity, digest) => removeRecord(pathOf(identity, digest)),
  };
}

function keyOf(identity: SandboxKey, digest: Digest): string {
  const parts = [identity.engine, identity.id, identity.startedAt, digest];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

const RUNGS: readonly string[] = ['overlay', 'archive', 'namespace', 'exec-tar', 'exec-cat'] satisfies Rung[];
const PROTECTIONS: readonly string[] = [
  'read-only-mount',
  'root-owned',
  'same-user',
  'writable-parent',
] satisfies Protection[];

/** By hand, because a schema library costs more than the rest of a second injection. */
function entryFrom(value: unknown, key: string): LedgerEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const record: Partial<Record<string, unknown>> = { ...value };
  const { directory, rung, protection, why, readBack, provenAt } = record;
  if (record['schema'] !== SCHEMA || record['key'] !== key) return undefined;
  if (typeof directory !== 'string' || typeof why !== 'string' || typeof provenAt !== 'number') return undefined;
  if (!isRung(rung) || !isProtection(protection)) return undefined;
  if (readBack !== 'engine' && readBack !== 'host' && readBack !== 'exec') return undefined;
  const source = sourceFrom(record['source']);
  if ((rung === 'overlay') !== (source !== undefined)) return undefined;
  return { directory, rung, protection, why, readBack, provenAt, ...(source && { source }) };
}

function sourceFrom(value: unknown): MountedTree | undefined {
  const [path, state, empty] = [textOf(value, 'path'), textOf(value, 'state'), textOf(value, 'empty')];
  return path === undefined || state === undefined || empty === undefined ? undefined : { path, state, empty };
}

function isRung(value: unknown): value is Rung {
  return typeof value === 'string' && RUNGS.includes(value);
}

function isProtection(value: unknown): value is Protection {
  return typeof value === 'string' && PROTECTIONS.includes(value);
}

/** An entry whose sandbox and artifact are those that its name was made of. */
function knownFrom(value: unknown, name: string): KnownPlacement | undefined {
  const engine = textOf(value, 'engine');
  const id = textOf(value, 'sandbox');
  const startedAt = textOf(value, 'startedAt');
  const digest = textOf(value, 'digest');
  if (engine === undefined || id === undefined || startedAt === undefined) return undefined;
  if (digest === undefined || !isDigest(digest)) return undefined;
  const sandbox = { engine, id, startedAt };
  const key = keyOf(sandbox, digest);
  const entry = name === `${key}.json` ? entryFrom(value, key) : undefined;
  return entry && { sandbox, digest, entry };
}
