import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../../src/core/digest.ts';
import { onePiece } from '../../../../src/core/one-piece.ts';
import { packArtifact, packTag } from '../../../../src/extensions/pack/pack-artifact.ts';
import { publishPack } from '../../../../src/extensions/pack/publish-pack.ts';
import { parsePackManifest } from '../../../../src/extensions/pack-manifest.ts';
import type { PackTarget } from '../../../../src/stores/pack-target.ts';
import { inPieces } from '../../disk/scratch.ts';
import { failureOfAsync } from '../../core/failure.ts';

const bytes = Buffer.from('a pack');
const pack = { size: bytes.byteLength, digest: digestOf(bytes), open: () => onePiece(bytes) };
const id = { name: 'acme/http', version: '1.2.0' };

/** A place that says what it says, and shows these bytes. */
function targetOf(
  outcome: 'created' | 'exists',
  shown: Uint8Array | undefined,
  guarantee: PackTarget['guarantee'] = 'write-once',
): PackTarget {
  const file = shown && { size: undefined, url: 'there', bytes: inPieces(Buffer.from(shown), 3) };
  return {
    where: 'there',
    guarantee,
    create: () => Promise.resolve(outcome),
    open: () => Promise.resolve(file && { file, source: 'store://acme/http@1.2.0' }),
    close: () => Promise.resolve(),
  };
}

const publish = (target: PackTarget) => publishPack(target, pack, { id });

describe('a pack is published', () => {
  test.each(['created', 'exists'] as const)('when its bytes are there: %s', async (outcome) => {
    const published = { outcome, where: 'there', source: 'store://acme/http@1.2.0' };
    expect(await publish(targetOf(outcome, bytes))).toEqual(published);
  });

  test.each<readonly [string, PackTarget, string, string]>([
    ['another was there before', targetOf('exists', Buffer.from('other!')), 'ConflictError', 'VERSION_TAKEN'],
    [
      'another came at the same time',
      targetOf('created', Buffer.from('other!'), 'detected'),
      'ConflictError',
      'VERSION_TAKEN',
    ],
    [
      'the store gives out other bytes',
      targetOf('created', Buffer.from('other!')),
      'IntegrityError',
      'DIGEST_MISMATCH',
    ],
    ['the store gives out less', targetOf('created', Buffer.from('a')), 'IntegrityError', 'DIGEST_MISMATCH'],
    ['the store shows nothing', targetOf('created', undefined), 'RemoteError', 'REMOTE_REFUSED'],
  ])('and it is said when %s', async (_, target, name, code) => {
    expect(await failureOfAsync(() => publish(target))).toMatchObject({ name, code });
  });

  test('and no more is read back than was sent', async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        read += 1;
        yield await Promise.resolve(bytes);
      }
    }
    const target = targetOf('exists', bytes);
    const file = { size: undefined, url: 'there', bytes: endless() };
    const open = () => Promise.resolve({ file, source: '' });
    expect((await failureOfAsync(() => publish({ ...target, open }))).code).toBe('VERSION_TAKEN');
    expect(read).toBe(2);
  });
});

describe('the artifact of a pack', () => {
  test('is the same bytes for the same pack, and read as what it is', () => {
    const { manifest, configuration } = packArtifact(id, pack);
    expect(manifest).toEqual(packArtifact(id, pack).manifest);
    expect(manifest.descriptor).toMatchObject({ digest: digestOf(manifest.bytes), size: manifest.bytes.byteLength });
    expect(Buffer.from(configuration.bytes).toString()).toBe('{}');
    const layer = parsePackManifest(manifest.bytes, (what) => new Error(what));
    expect(layer).toMatchObject({ digest: pack.digest, size: pack.size });
  });

  test('has a tag that registries take', () => {
    expect(packTag({ name: 'a', version: '1.2.0-rc.1+build.5' })).toBe('1.2.0-rc.1_build.5');
  });
});
