import { join } from 'node:path';
import { NotFoundError, UsageError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { readInputFile, verifyInput } from '../disk/input-path.ts';
import { ifThere } from '../disk/small-file.ts';
import {
  PACK_EXTENSIONS_NAME,
  parsePackExtensions,
  type ExtensionDependency,
  type PackExtensions,
} from './pack-extensions.ts';
import { PACK_LOCK_NAME, parsePackLock, verifyAlignment, type LockedExtension } from './pack-lock.ts';

/** Neither file is larger, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024;

/** An extension of a pack, with its lock where there is one. */
export interface DeclaredExtension {
  /** Absolute path of the directory of the pack. */
  readonly packDirectory: string;
  readonly dependency: ExtensionDependency;
  readonly lock: LockedExtension | undefined;
}

/** What a pack declares, and what is locked of it. */
export interface DeclaredExtensions {
  readonly packDirectory: string;
  readonly declared: PackExtensions;
  /** Undefined without a lock file. */
  readonly locked: readonly LockedExtension[] | undefined;
}

/**
 * @returns undefined when the pack has none.
 * @throws NotFoundError `NOT_FOUND` for a directory that is not there; UsageError `USAGE` for what is no directory, or no
 * file; as `parsePackExtensions`; IntegrityError `TOO_LARGE`; RemoteError `STORAGE`.
 */
export async function readPackExtensions(packDirectory: string): Promise<PackExtensions | undefined> {
  await verifyInput(packDirectory, 'directory');
  const path = join(packDirectory, PACK_EXTENSIONS_NAME);
  const bytes = await ifThere(readInputFile(path, MAX_BYTES));
  return bytes && parsePackExtensions(bytes, path);
}

/** @throws NotFoundError `NOT_FOUND` when the pack has none; as {@link readPackExtensions}. */
export async function requirePackExtensions(packDirectory: string): Promise<PackExtensions> {
  const declared = await readPackExtensions(packDirectory);
  if (declared === undefined) throw noExtensions(packDirectory);
  return declared;
}

/**
 * @returns undefined when the pack has none.
 * @throws UsageError `USAGE` for what is no file; as `parsePackLock`; IntegrityError `TOO_LARGE`; RemoteError `STORAGE`.
 */
export async function readPackLock(packDirectory: string): Promise<readonly LockedExtension[] | undefined> {
  const path = join(packDirectory, PACK_LOCK_NAME);
  const bytes = await ifThere(readInputFile(path, MAX_BYTES));
  return bytes && parsePackLock(bytes, path);
}

/**
 * Reads what a pack declares; a lock, where there is one, has to agree with it.
 * @param packDirectory absolute.
 * @param options.frozen true: there has to be a lock.
 * @throws NotFoundError `NOT_FOUND` without a `pack.extensions.json`; UsageError `CONFIG_INVALID`, `REFERENCE_INVALID`,
 * `LOCK_OUTDATED`, `USAGE`; as {@link readPackExtensions}.
 */
export async function readDeclaredExtensions(
  packDirectory: string,
  { frozen = false }: { readonly frozen?: boolean } = {},
): Promise<DeclaredExtensions> {
  const declared = await requirePackExtensions(packDirectory);
  const locked = await readPackLock(packDirectory);
  if (locked !== undefined) verifyAlignment(declared.extensions, locked);
  else if (frozen) throw noLock(packDirectory);
  return { packDirectory, declared, locked };
}

/** @throws NotFoundError `NOT_FOUND` for an extension that the pack does not declare. */
export function findExtension({ packDirectory, declared, locked }: DeclaredExtensions, id: string): DeclaredExtension {
  const dependency = declared.extensions.find((extension) => extension.id === id);
  if (dependency === undefined) {
    const file = join(packDirectory, PACK_EXTENSIONS_NAME);
    throw new NotFoundError('NOT_FOUND', `extension ${quoted(id)} is not declared in ${file}`, {
      hint: 'declare it with "toolcrib ext add", or correct the id',
      details: { extension: id, file },
    });
  }
  return { packDirectory, dependency, lock: locked?.find((lock) => lock.id === id) };
}

function noExtensions(packDirectory: string): NotFoundError {
  return new NotFoundError('NOT_FOUND', `there is no ${PACK_EXTENSIONS_NAME} in ${packDirectory}`, {
    hint: '--pack DIR names the directory of a pack; "toolcrib ext add" declares the first extension',
    details: { directory: packDirectory },
  });
}

function noLock(packDirectory: string): UsageError {
  return new UsageError('LOCK_OUTDATED', `there is no ${PACK_LOCK_NAME} in ${packDirectory}, and --frozen needs it`, {
    hint: 'run "toolcrib ext lock" and commit what it writes',
    details: { directory: packDirectory },
  });
}
