import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { verifyOutputFile } from '../disk/output-file.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import type { CreatedPack } from '../extensions/pack/create-pack.ts';
import type { Host } from './host.ts';

/** A directory that becomes a pack. */
export interface PackOptions {
  /** What is packed. */
  readonly directory: string;
  /** The `.gtxpack` to write; a file that is there is replaced as a whole, and nothing else is. */
  readonly output: string;
  /** The id of the extension, where the directory has no `component.json`. */
  readonly id?: string;
  /** Name of the component's file, where the directory has no `component.json`. Default: `component.wasm`. */
  readonly component?: string;
}

/** A pack on disk. */
export interface WrittenPack extends Omit<CreatedPack, 'bytes'> {
  /** Absolute. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * Packs a directory as a `.gtxpack`: docs/guides/extension-packs.md.
 * @throws NotFoundError `NOT_FOUND`; UsageError `USAGE`, `CONFIG_INVALID`; IntegrityError `DIGEST_MISMATCH`, `TOO_LARGE`; RemoteError `STORAGE`; the
 * signal's reason.
 */
export async function packExtension(host: Host, options: PackOptions): Promise<WrittenPack> {
  const directory = resolve(host.cwd, options.directory);
  const path = resolve(host.cwd, options.output);
  if (isBelow(await realOf(directory), await realOf(path))) throw outputInside(directory, path);
  await verifyOutputFile(path);
  const { createPack } = await import('../extensions/pack/create-pack.ts');
  const { id, component: asset } = options;
  const { bytes, ...pack } = await createPack({ directory, id, asset, signal: host.signal });
  if (pack.component.kind !== 'component') warn(host, pack);
  await writeFileAtomically(path, bytes, { signal: host.signal });
  return { path, size: bytes.byteLength, ...pack };
}

function warn({ reporter }: Host, { component: { asset, kind } }: Pick<CreatedPack, 'component'>): void {
  const what = kind === 'module' ? 'a core WebAssembly module, not a component' : 'no WebAssembly';
  reporter.notice({
    kind: 'warning',
    text: `${asset} is ${what}: what runs extensions may refuse it`,
    hint: 'make a component of it, e.g. with "wasm-tools component new"',
  });
}

/** Links on the way lead elsewhere. What is not there yet is where its directory is. */
async function realOf(path: string): Promise<string> {
  return await realpath(path).catch(async () => {
    const parent = dirname(path);
    return parent === path ? path : join(await realOf(parent), basename(path));
  });
}

function isBelow(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith('../');
}

function outputInside(directory: string, path: string): UsageError {
  return new UsageError('USAGE', `${path} would stand in ${directory}, which is what is packed`, {
    hint: 'write the pack elsewhere: -o FILE',
    details: { directory, path },
  });
}
