import { UsageError } from '../core/errors.ts';
import { acquireLocal } from './acquire-local.ts';
import { factsOf, nameOf } from './acquired-pack.ts';
import { readComponentOf, type ResolvedComponent } from './component.ts';
import { findExtension, readDeclaredExtensions, type DeclaredExtension } from './declared-extensions.ts';
import { parseExtRef } from './ext-ref.ts';
import { parseExtensionSource } from './extension-source.ts';

/** How a reference is resolved from files alone. */
export interface ResolveLocalOptions {
  /** True: there has to be a lock. Default: a lock counts where there is one. */
  readonly frozen?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Resolves an `ext://` reference whose extension is a file of this machine. No code that opens a socket is reachable from
 * here.
 * @param packDirectory absolute path of the directory with `pack.extensions.json`.
 * @throws UsageError `REFERENCE_INVALID`, `CONFIG_INVALID`, `LOCK_OUTDATED`, `USAGE` for an extension that is somewhere
 * else; NotFoundError `NOT_FOUND`; IntegrityError `DIGEST_MISMATCH`, `MALFORMED`, `TOO_LARGE`; RemoteError `STORAGE`; the
 * signal's reason.
 */
export async function resolveLocalComponent(
  packDirectory: string,
  reference: string,
  { frozen = false, signal }: ResolveLocalOptions = {},
): Promise<ResolvedComponent> {
  const { extensionId } = parseExtRef(reference);
  const declared = await readDeclaredExtensions(packDirectory, { frozen });
  const extension = findExtension(declared, extensionId);
  signal?.throwIfAborted();
  const wanted = { ...extension, pin: extension.lock?.digest };
  return await readComponentOf(extension, await acquireLocal(wanted, pathOf(extension)), signal);
}

function pathOf(extension: DeclaredExtension): string {
  const source = parseExtensionSource(extension.dependency.reference);
  if (source.kind === 'file') return source.path;
  throw new UsageError('USAGE', `${nameOf(extension)} is no file, and here only file:// and paths are resolved`, {
    hint: '"toolcrib ext resolve", and resolveExtension of the package "toolcrib", resolve every kind of source',
    details: factsOf(extension),
  });
}
