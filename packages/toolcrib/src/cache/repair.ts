import { basename, dirname } from 'node:path';
import type { Digest } from '../core/digest.ts';
import type { CacheFinding } from './audit.ts';
import { examineBlob, type BlobContext } from './blobs.ts';
import { unpackedPaths } from './contents.ts';
import { examinePack, packFilesAt } from './ext-store.ts';
import { blobDigestFrom, blobPath } from './layout.ts';
import { leasedDigests } from './leases.ts';
import { removeLeftover } from './leftovers.ts';
import type { LockKind } from './lock.ts';
import { mountedTrees } from './mounted-trees.ts';
import { removeFile } from './remove.ts';
import { removeTree } from './trees.ts';
import { trustedRootDigestFrom } from './trusted-roots.ts';
import { examineUnpacked, readAnyRecord, unpackedSourceFrom } from './unpacked-record.ts';
import { makeUnpacked } from './unpacked.ts';

/** What became of something that was wrong; `left`: it is for a person to decide. */
export type RepairOutcome = 'removed' | 'rebuilt' | 'left';

/** Something that was not as it should be, and what became of it. */
export interface RepairedFinding extends CacheFinding {
  readonly outcome: RepairOutcome;
}

/** What a repair needs. */
export interface RepairContext extends BlobContext {
  /** Works while no other process works on the same digest. */
  readonly locked: <T>(kind: LockKind, digest: Digest, work: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal | undefined;
}

/**
 * Takes away what is wrong in a cache, or makes it again where it is derived from something that is right. Each is looked
 * at again while nobody else works on it. What toolcrib did not put there is left alone.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function repair(context: RepairContext, finding: CacheFinding): Promise<RepairedFinding> {
  return { ...finding, outcome: await repairOne(context, finding) };
}

async function repairOne(context: RepairContext, { kind, path }: CacheFinding): Promise<RepairOutcome> {
  const { layout, locked, signal } = context;
  if (kind === 'foreign') return 'left';
  if (kind === 'leftover') {
    await removeLeftover(layout, path);
    return 'removed';
  }
  const [directory, name] = [dirname(path), basename(path)];
  const unpacked = directory === layout.unpacked ? unpackedSourceFrom(name) : undefined;
  if (unpacked !== undefined) return await locked('unpacked', unpacked, () => repairUnpacked(context, unpacked));
  const blob = directory === layout.blobs ? blobDigestFrom(name) : undefined;
  if (blob !== undefined)
    return await locked('blob', blob, () => removeUnlessSound(path, () => examineBlob(path, blob, signal)));
  const [pack] = directory === layout.extStore ? await packFilesAt(path) : [];
  if (pack !== undefined) {
    return await locked('blob', pack.digest, () => removeUnlessSound(path, () => examinePack(pack, signal)));
  }
  const root = directory === layout.trustedRoots ? trustedRootDigestFrom(name) : undefined;
  if (root !== undefined) return await removeUnlessSound(path, () => examineBlob(path, root, signal));
  if (dirname(directory) === layout.trees) return await repairTree(context, path);
  await removeFile(path);
  return 'removed';
}

/** Who uses it would lose it. The locks are those of a collection. */
async function repairTree({ layout, clock, locked }: RepairContext, path: string): Promise<RepairOutcome> {
  const digest = blobDigestFrom(basename(dirname(path)));
  if (digest === undefined) return 'left';
  return await locked('blob', digest, () =>
    locked('use', digest, async () => {
      if ((await leasedDigests(layout, clock.now())).has(digest)) return 'left';
      if (await (await mountedTrees())(path)) return 'left';
      await removeTree(layout, path);
      return 'removed';
    }),
  );
}

/** Since it was read, somebody may have brought the right bytes. */
async function removeUnlessSound(path: string, examine: () => Promise<string>): Promise<RepairOutcome> {
  if ((await examine()) === 'sound') return 'rebuilt';
  await removeFile(path);
  return 'removed';
}

/** An artifact that was a bare executable is unpacked under the name in its record: without it, it is only removed. */
async function repairUnpacked(context: RepairContext, digest: Digest): Promise<RepairOutcome> {
  const { layout, signal } = context;
  if ((await examineUnpacked(layout, digest, signal)) === undefined) return 'rebuilt';
  const record = await readAnyRecord(layout, digest);
  for (const path of unpackedPaths(layout, digest)) await removeFile(path);
  const path = blobPath(layout, digest);
  if (record === undefined || (await examineBlob(path, digest, signal)) !== 'sound') return 'removed';
  await makeUnpacked(context, { path, digest, tool: record.tool ?? '' }, signal);
  return (await examineUnpacked(layout, digest, signal)) === undefined ? 'rebuilt' : 'removed';
}
