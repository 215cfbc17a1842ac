import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MAX_KEY_BYTES, parsePublicKey, type TrustedKey } from '../attestations/keys.ts';
import type { ArchiveAccount } from '../core/archive-account.ts';
import { hasCode, isSystemError, NotFoundError } from '../core/errors.ts';
import { readSmallText } from '../disk/small-file.ts';
import { onDisk } from '../disk/storage-error.ts';
import { ACCOUNT_LIMITS, createAccountCollector, type AccountLimits } from '../run/archive/account.ts';
import { ARCHIVE_KEY_KINDS } from '../run/archive/manifest-signature.ts';
import { verifyArchive, type ArchiveInspection, type VerifyArchiveOptions } from '../run/archive/verify.ts';
import type { Host } from './host.ts';

export type { ArchiveAccount } from '../core/archive-account.ts';
export type { ArchiveInspection } from '../run/archive/verify.ts';

/** What is demanded of an archive. */
export interface ReadArchiveOptions {
  /** A file with a public key in PEM, Ed25519 or ECDSA on P-256: it must have signed the archive. */
  readonly key?: string | undefined;
}

/** An archive that was checked, and what it tells in detail. */
export interface ReadArchive {
  readonly inspection: ArchiveInspection;
  readonly account: ArchiveAccount;
}

/**
 * Reads a run archive once and checks all of it. A damaged or hostile one is an inspection with findings.
 * @throws NotFoundError `NOT_FOUND` for the archive or the key; UsageError `CONFIG_INVALID` for another key; RemoteError
 * `STORAGE`; the host's signal's reason.
 */
export async function readArchive(
  host: Host,
  file: string,
  options: ReadArchiveOptions = {},
): Promise<ArchiveInspection> {
  return await verifyFile(host, file, options, {});
}

/** As {@link readArchive}; on the way the account is gathered, which takes more time and memory. */
export async function readArchiveAccount(
  host: Host,
  file: string,
  options: ReadArchiveOptions & { readonly limits?: AccountLimits } = {},
): Promise<ReadArchive> {
  const collector = createAccountCollector(options.limits ?? ACCOUNT_LIMITS);
  const inspection = await verifyFile(host, file, options, { visitor: collector.visitor });
  return { inspection, account: collector.account() };
}

async function verifyFile(
  host: Host,
  file: string,
  { key }: ReadArchiveOptions,
  more: VerifyArchiveOptions,
): Promise<ArchiveInspection> {
  const path = resolve(host.cwd, file);
  const keys = key === undefined ? undefined : [await readKey(resolve(host.cwd, key))];
  await verifyIsFile(path);
  return await onDisk('read', path, () =>
    verifyArchive(createReadStream(path), { signal: host.signal, keys, ...more }),
  );
}

async function readKey(path: string): Promise<TrustedKey> {
  const text = await readSmallText(path, MAX_KEY_BYTES).catch((error: unknown) => {
    if (!hasCode(error, 'NOT_FOUND')) throw error;
    throw new NotFoundError('NOT_FOUND', `there is no public key at ${path}`, {
      hint: 'name the public half of the key that "toolcrib run --sign" was given, in PEM',
      details: { path },
      cause: error,
    });
  });
  return parsePublicKey(text, path, ARCHIVE_KEY_KINDS);
}

function notAFile(path: string, what: string): NotFoundError {
  return new NotFoundError('NOT_FOUND', `no archive at ${path}: that is ${what}`, {
    hint: 'an archive is read from a file: write what comes through a pipe to one first',
    details: { path },
  });
}

async function verifyIsFile(path: string): Promise<void> {
  try {
    const entry = await stat(path);
    if (entry.isFile()) return;
    throw notAFile(path, entry.isDirectory() ? 'a directory' : 'a pipe or a device');
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  throw new NotFoundError('NOT_FOUND', `no archive at ${path}`, {
    hint: 'name the file that "toolcrib run -o" wrote',
    details: { path },
  });
}
