import type { FileHandle } from 'node:fs/promises';
import { IntegrityError } from '../../core/errors.ts';
import { SIDECAR_NAME } from './component-sidecar.ts';
import { DESCRIBE_NAME } from './describe.ts';
import { createPackRefusal } from './pack-refusal.ts';
import { openPack, type OpenPackOptions, type Pack, type PackComponent } from './read-pack.ts';

/** What a pack is found to be. */
export interface VerifiedPack {
  /** Undefined for a pack without one: it only describes. */
  readonly component: Omit<PackComponent, 'bytes'> | undefined;
}

/**
 * Reads all of a pack: every entry has its checksum, the component, where there is one, the digest that is said, and a
 * `describe.json` the shape that is read. One of the two has to be there: without both it is a ZIP of something else.
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
    const names = namesOfItsOwn(pack);
    if (names.length === 0) {
      throw createPackRefusal(extensionId).malformed(
        `it is a ZIP without ${SIDECAR_NAME} and without ${DESCRIBE_NAME}, and a pack has one of them at its top`,
      );
    }
    if (names.includes(DESCRIBE_NAME)) await pack.readTools();
    if (!names.includes(SIDECAR_NAME)) return { component: undefined };
    const { bytes: _, ...component } = await pack.readComponent();
    return { component };
  } finally {
    await pack.close();
  }
}

/**
 * Whether bytes are a pack by their directory and what is in it; whether each entry is sound is not looked at.
 * @throws the signal's reason.
 */
export async function isPack(bytes: Uint8Array, options: OpenPackOptions): Promise<boolean> {
  try {
    return namesOfItsOwn(await openPack(bytes, options)).length > 0;
  } catch (error) {
    if (error instanceof IntegrityError) return false;
    throw error;
  }
}

/** Those of the files that make a ZIP a pack. */
function namesOfItsOwn({ entries }: Pack): readonly string[] {
  return entries.map(({ name }) => name).filter((name) => name === SIDECAR_NAME || name === DESCRIBE_NAME);
}
