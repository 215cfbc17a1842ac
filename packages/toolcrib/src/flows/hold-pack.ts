import { realpath } from 'node:fs/promises';
import { digestOf } from '../core/digest.ts';
import type { Host } from './host.ts';
import { cacheOf } from './resolve-artifact.ts';

/**
 * Reads and writes the files of a pack's directory while no other command with this cache does. Nothing is acquired
 * meanwhile: that can last, and takes locks of the same kind.
 * @throws what `work` throws; the signal's reason.
 */
export async function holdPack<T>(host: Host, packDirectory: string, work: () => Promise<T>): Promise<T> {
  const directory = await realpath(packDirectory).catch(() => packDirectory);
  return await cacheOf(host).withLock(digestOf(directory), work, { signal: host.signal });
}
