import { execFileSync } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { bytesOf, createScratch } from '../unit/disk/scratch.ts';

/** A file system of its own, mounted; needs root. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  makeReadOnly(): void;
  /** Writes until nothing more fits. */
  fill(): Promise<void>;
}

/** @param size in MiB. */
export async function mountSmallDisk(size = 1): Promise<SmallDisk> {
  const scratch = await createScratch();
  const path = join(scratch.path, 'disk');
  await mkdir(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', path]);
  return {
    path,
    makeReadOnly: () => void execFileSync('mount', ['-o', 'remount,ro', path]),
    async fill() {
      await using file = await open(join(path, 'filler'), 'w');
      await expect(file.writeFile(bytesOf((size + 1) * 1_000_000))).rejects.toThrow('ENOSPC');
    },
    async [Symbol.asyncDispose]() {
      execFileSync('umount', [path]);
      await scratch[Symbol.asyncDispose]();
    },
  };
}
