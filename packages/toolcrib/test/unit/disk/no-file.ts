import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink } from 'node:fs/promises';

/** What may stand where a file should, and would never end, or never begin, to be read. */
export const NO_FILE: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
  ['a pipe', (path) => Promise.resolve(execFileSync('mkfifo', [path]))],
  ['a link to a device without an end', (path) => symlink('/dev/zero', path)],
  ['a directory', (path) => mkdir(path)],
];

/** Puts something there, whatever was there before. */
export async function replaceBy(put: (path: string) => Promise<unknown>, path: string): Promise<void> {
  await rm(path, { force: true });
  await put(path);
}
