import { expect, test } from 'vitest';
import type { UnpackedArtifact } from '../../../src/cache/cache.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { NotFoundError } from '../../../src/core/errors.ts';
import { parseTarget } from '../../../src/core/target.ts';
import {
  shareSource,
  type ChosenArtifact,
  type FoundArtifact,
  type ToolSource,
} from '../../../src/flows/tool-source.ts';

const target = parseTarget('amd64-any');
const chosen: ChosenArtifact = { name: 't-amd64-any-v1', target, digest: digestOf(Buffer.from('t')) };

/** A source that counts what it is asked for, and finds nothing elsewhere. */
function countingSource() {
  const counts = { resolved: 0, unpacked: 0, discarded: 0 };
  const unpack = (): Promise<FoundArtifact> => {
    counts.unpacked += 1;
    const discard = () => Promise.resolve(void (counts.discarded += 1));
    const unpacked: Partial<UnpackedArtifact> = { tarSize: counts.unpacked, discard };
    return Promise.resolve({ unpacked: unpacked as UnpackedArtifact, resolution: null, isReplaced: () => false });
  };
  const resolve: ToolSource['resolve'] = async () => {
    counts.resolved += 1;
    await Promise.resolve();
    throw new NotFoundError('NOT_FOUND', 'no place has it');
  };
  const source: Partial<ToolSource> = { isEdited: false, resolve, unpack };
  return { counts, shared: shareSource(source as ToolSource, undefined) };
}

test('what no place has is looked for once for all sandboxes', async () => {
  const { counts, shared } = countingSource();
  const outcomes = await Promise.allSettled([shared.resolve(target), shared.resolve(target)]);
  await expect(shared.resolve(target)).rejects.toThrow('no place has it');
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(counts.resolved).toBe(1);
});

test('an artifact is unpacked once for all, and once more when several find it changed', async () => {
  const { counts, shared } = countingSource();
  const [first, second] = await Promise.all([shared.unpack(chosen), shared.unpack(chosen)]);
  expect(counts).toMatchObject({ unpacked: 1, discarded: 0 });
  expect(second.isReplaced()).toBe(false);
  await first.unpacked.discard();
  expect(second.isReplaced()).toBe(true);
  const again = await shared.unpack(chosen);
  await second.unpacked.discard();
  expect(again).toMatchObject({ unpacked: { tarSize: 2 } });
  expect(again.isReplaced()).toBe(false);
  expect(counts).toMatchObject({ unpacked: 2, discarded: 1 });
});
