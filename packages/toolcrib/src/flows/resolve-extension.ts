import { resolve } from 'node:path';
import { verifyOutputFile } from '../disk/output-file.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import type { ResolvedComponent } from '../extensions/component.ts';
import { readComponentOf } from '../extensions/component.ts';
import { findExtension, readDeclaredExtensions } from '../extensions/declared-extensions.ts';
import { parseExtRef } from '../extensions/ext-ref.ts';
import type { Host } from './host.ts';
import { openExtensionPacks, packDirectoryOf } from './open-extensions.ts';
import type { Project } from './project.ts';

export interface ResolveExtensionOptions {
  /** The directory with `pack.extensions.json`, relative to the host's working directory. Default: that. */
  readonly pack?: string | undefined;
  /** True: there has to be a lock. Default: a lock counts where there is one. */
  readonly frozen?: boolean | undefined;
  /** Where {@link saveComponent} is to write it: what no file can replace is refused before anybody is asked. */
  readonly output?: string | undefined;
}

/**
 * Resolves an `ext://<id>#component` reference to the verified bytes of the component: docs/guides/extensions.md.
 * @throws UsageError `REFERENCE_INVALID`, `CONFIG_INVALID`, `LOCK_OUTDATED`, `USAGE` when a store has to be asked and none
 * is named, and for an output that is there and no file; NotFoundError `NOT_FOUND`; IntegrityError `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `MALFORMED`, `TOO_LARGE`;
 * RemoteError, `OFFLINE` when it is not in the cache and nobody may be asked; the signal's reason.
 */
export async function resolveExtension(
  project: Project,
  host: Host,
  reference: string,
  { pack, frozen = false, output }: ResolveExtensionOptions = {},
): Promise<ResolvedComponent> {
  const { extensionId } = parseExtRef(reference);
  if (output !== undefined) await verifyOutputFile(resolve(host.cwd, output));
  const declared = await readDeclaredExtensions(packDirectoryOf(host, pack), { frozen });
  const extension = findExtension(declared, extensionId);
  const packs = openExtensionPacks(project, host);
  try {
    const acquired = await packs.acquire({ ...extension, pin: extension.lock?.digest });
    return await readComponentOf(extension, acquired, host.signal);
  } finally {
    await packs.close();
  }
}

/**
 * Writes a component, in the place of a file that is there, as a whole.
 * @param file relative to the host's working directory.
 * @returns its absolute path.
 * @throws UsageError `USAGE` for what is there and no file; RemoteError `STORAGE`; the signal's reason.
 */
export async function saveComponent(host: Host, bytes: Uint8Array, file: string): Promise<string> {
  const path = resolve(host.cwd, file);
  await verifyOutputFile(path);
  await writeFileAtomically(path, bytes, { signal: host.signal, durable: false });
  return path;
}
