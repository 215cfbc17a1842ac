import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recordUseUnlocked } from '../cache/last-use.ts';
import type { Digest } from '../core/digest.ts';
import { isSystemError } from '../core/errors.ts';
import { storageError } from '../disk/storage-error.ts';
import { ensureDirectory, writeFileAtomically } from '../disk/write-file.ts';
import type { SandboxIdentity } from '../sandboxes/sandbox.ts';
import type { Placement, Protection, Rung } from './placement.ts';

const SCHEMA = 'toolcrib.placement.v1';

/** What the host remembers of a placement; nothing in the sandbox is believed instead. */
export interface LedgerEntry {
  readonly directory: string;
  readonly rung: Rung;
  readonly protection: Protection;
  readonly why: string;
  readonly readBack: Placement['readBack'];
  readonly provenAt: number;
}

/** Placements by sandbox and artifact: one small file each. A container that was started again is another sandbox. */
export interface Ledger {
  /**
   * Undefined when nothing is known, or what is written there is not an entry.
   * @param options.usedAt wall clock, milliseconds since 1970, of a use that keeps the entry from being collected; absent
   * for who only looks.
   */
  find(
    identity: SandboxIdentity,
    digest: Digest,
    options?: { readonly usedAt?: number },
  ): Promise<LedgerEntry | undefined>;
  /** Replaces what was known. @throws RemoteError `STORAGE`. */
  record(identity: SandboxIdentity, digest: Digest, entry: LedgerEntry): Promise<void>;
}

/** @param directory need not be there. */
export function createLedger(directory: string): Ledger {
  return {
    async find(identity, digest, { usedAt } = {}) {
      const key = keyOf(identity, digest);
      const path = join(directory, `${key}.json`);
      const entry = entryFrom(await read(path), key);
      if (entry !== undefined && usedAt !== undefined) await recordUseUnlocked(path, usedAt);
      return entry;
    },
    async record(identity, digest, entry) {
      await ensureDirectory(directory);
      const key = keyOf(identity, digest);
      const { engine, id, startedAt } = identity;
      const text = JSON.stringify({ schema: SCHEMA, key, engine, sandbox: id, startedAt, digest, ...entry }, null, 2);
      await writeFileAtomically(join(directory, `${key}.json`), `${text}\n`);
    },
  };
}

function keyOf(identity: SandboxIdentity, digest: Digest): string {
  const parts = [identity.engine, identity.id, identity.startedAt, digest];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

async function read(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, 'read', path);
  }
}

const RUNGS: readonly string[] = ['archive', 'exec-tar', 'exec-cat'] satisfies Rung[];
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
  if (readBack !== 'engine' && readBack !== 'exec') return undefined;
  return { directory, rung, protection, why, readBack, provenAt };
}

function isRung(value: unknown): value is Rung {
  return typeof value === 'string' && RUNGS.includes(value);
}

function isProtection(value: unknown): value is Protection {
  return typeof value === 'string' && PROTECTIONS.includes(value);
}
