import { mkdtemp, rm } from 'node:fs/promises';
import { readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from './store-clock.ts';
import { openDirectoryStore } from '../../src/stores/directory/directory-store.ts';
import { describeStore, type StoreUnderTest } from './store-contract.ts';

async function freshDirectory(): Promise<StoreUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-store-'));
  return {
    open: () =>
      openDirectoryStore({ kind: 'directory', url: 'file:store', directory: 'store' }, { folder, clock: systemClock }),
    openHandles: () => openFilesBelow(folder),
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Files below a folder that this process holds open. */
function openFilesBelow(folder: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;
}

describeStore('directory', freshDirectory);
