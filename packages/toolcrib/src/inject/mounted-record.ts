import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { recordUseUnlocked } from '../cache/last-use.ts';
import type { Digest } from '../core/digest.ts';
import { fieldOf, textOf } from '../core/json-fields.ts';
import type { SandboxIdentity } from '../sandboxes/sandbox.ts';
import { readRecord, writeRecord } from './ledger-record.ts';
import type { Placement } from './placement.ts';

const SCHEMA = 'toolcrib.mounted.v1';

/** What the host remembers of a mount that was proven in a sandbox. It stands beside the ledger's entries. */
export type MountedEntry = Pick<Placement, 'directory' | 'why' | 'readBack' | 'provenAt'> & {
  readonly protection: 'read-only-mount' | 'writable-parent';
};

/**
 * The record of a mount in this very sandbox, since its last start.
 * @param usedAt wall clock, milliseconds since 1970: keeps it from being collected.
 * @returns undefined when there is none.
 * @throws RemoteError `STORAGE`.
 */
export async function findMountedEntry(
  ledger: string,
  identity: SandboxIdentity,
  digest: Digest,
  usedAt: number,
): Promise<MountedEntry | undefined> {
  const key = keyOf(identity, digest);
  const path = join(ledger, `${key}.json`);
  const entry = entryFrom(await readRecord(path), key);
  if (entry !== undefined) await recordUseUnlocked(path, usedAt);
  return entry;
}

/** @throws RemoteError `STORAGE`. */
export async function recordMountedEntry(
  ledger: string,
  identity: SandboxIdentity,
  digest: Digest,
  entry: MountedEntry,
): Promise<void> {
  const key = keyOf(identity, digest);
  const { engine, id, startedAt } = identity;
  const record = { schema: SCHEMA, key, engine, sandbox: id, startedAt, digest, ...entry };
  await writeRecord(ledger, `${key}.json`, record);
}

/** Another key than that of a placement of the same artifact, which may be there, too. */
function keyOf({ engine, id, startedAt }: SandboxIdentity, digest: Digest): string {
  return createHash('sha256')
    .update(JSON.stringify([SCHEMA, engine, id, startedAt, digest]))
    .digest('hex');
}

function entryFrom(record: unknown, key: string): MountedEntry | undefined {
  const [directory, why] = [textOf(record, 'directory'), textOf(record, 'why')];
  const [protection, readBack] = [fieldOf(record, 'protection'), fieldOf(record, 'readBack')];
  const provenAt = fieldOf(record, 'provenAt');
  if (textOf(record, 'schema') !== SCHEMA || textOf(record, 'key') !== key) return undefined;
  if (directory === undefined || why === undefined || typeof provenAt !== 'number') return undefined;
  if (protection !== 'read-only-mount' && protection !== 'writable-parent') return undefined;
  if (readBack !== 'engine' && readBack !== 'exec') return undefined;
  return { directory, why, protection, readBack, provenAt };
}
