import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ScratchProject } from '../cli/scratch-project.ts';
import { packBytesOf } from './pack/zip-bytes.ts';

/** The eight bytes that a WebAssembly component begins with, and something of its own. */
export function componentOf(text: string): Buffer {
  return Buffer.concat([Buffer.from('\0asm\x0d\0\x01\0', 'latin1'), Buffer.from(text)]);
}

/** A pack whose component says that text. */
export function packOf(text: string): Buffer {
  return packBytesOf(componentOf(text));
}

export function digestOf(bytes: Uint8Array): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Where the cache has a pack by its digest. */
export function cachedPath(cache: string, bytes: Uint8Array): string {
  return join(cache, 'ext-store', `sha256-${digestOf(bytes).slice('sha256:'.length)}.gtxpack`);
}

/** An extension as a test declares it. */
export interface Declaration {
  readonly id: string;
  readonly ref: string;
  readonly kind?: string;
  readonly role?: string;
}

/** Writes a `pack.extensions.json` into the folder, or into one of it. */
export async function declare(site: ScratchProject, declarations: readonly Declaration[], folder = ''): Promise<void> {
  const extensions = declarations.map(({ id, ref, role = 'component', kind = kindOf(ref) }) => ({
    id,
    role,
    source: { kind, ref, allow_tags: true },
  }));
  await site.write(join(folder, 'pack.extensions.json'), JSON.stringify({ version: 1, extensions }));
}

/** An entry of a lock as a test writes it. */
export interface Lock {
  readonly id: string;
  readonly ref: string;
  readonly digest: string;
}

export async function writeLock(site: ScratchProject, locks: readonly Lock[]): Promise<void> {
  const extensions = locks.map(({ id, ref, digest }) => ({
    id,
    role: 'component',
    source_ref: ref,
    resolved_ref: ref,
    digest,
  }));
  await site.write('pack.extensions.lock.json', JSON.stringify({ version: 1, extensions }));
}

function kindOf(ref: string): string {
  const scheme = /^([a-z]+):\/\//.exec(ref)?.[1] ?? 'file';
  return scheme === 'https' ? 'http' : scheme;
}
