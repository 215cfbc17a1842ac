import type { FileHandle } from 'node:fs/promises';
import { SIDECAR_NAME } from './component-sidecar.ts';
import { openPack, type PackComponent } from './read-pack.ts';

/** What a pack is found to be. */
export interface VerifiedPack {
  /** Undefined for a pack without one: it only describes. */
  readonly component: Omit<PackComponent, 'bytes'> | undefined;
}

/**
 * Reads all of a pack: every entry has its checksum, and the component, where there is one, the digest that is said.
 * @param source as `openPack` takes it.
 * @param extensionId as messages name it.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE`, `DIGEST_MISMATCH`; RemoteError `STORAGE`; the signal's reason.
 */
export async function verifyPack(
  source: FileHandle | Uint8Array,
  extensionId: string,
  signal: AbortSignal | undefined,
): Promise<VerifiedPack> {
  const pack = await openPack(source, { extensionId, signal });
  try {
    await pack.verifyEntries();
    if (!pack.entries.some(({ name }) => name === SIDECAR_NAME)) return { component: undefined };
    const { bytes: _, ...component } = await pack.readComponent();
    return { component };
  } finally {
    await pack.close();
  }
}
