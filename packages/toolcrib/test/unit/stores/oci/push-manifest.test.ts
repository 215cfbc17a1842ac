import { expect, test } from 'vitest';
import { IntegrityError } from '../../../../src/core/errors.ts';
import { onePiece } from '../../../../src/core/one-piece.ts';
import { pushManifest } from '../../../../src/stores/oci/manifests.ts';
import type { Reply } from '../../../../src/transfer/reply.ts';

const content = { bytes: Buffer.from('{}'), mediaType: 'application/json' };

const CREATED: Reply = {
  status: 201,
  url: 'http://localhost/v2/tool/manifests/v1',
  headers: new Map(),
  size: 0,
  bytes: onePiece(Buffer.alloc(0)),
  whole: () => Promise.resolve(Buffer.alloc(0)),
  beginning: () => Promise.resolve(''),
  discard: () => undefined,
};

const refusal = new IntegrityError('DIGEST_MISMATCH', 'answered 400 (DIGEST_INVALID)');

/** A registry that refuses so often, then takes what it gets. */
function registryThatRefuses(times: number) {
  let asked = 0;
  const expectReply = (): Promise<Reply> => (asked++ < times ? Promise.reject(refusal) : Promise.resolve(CREATED));
  return { session: { expect: expectReply }, asked: () => asked };
}

test('a registry that calls right bytes wrong for a moment is asked again', async () => {
  const { session, asked } = registryThatRefuses(2);
  await pushManifest(session, 'v1', content, undefined);
  expect(asked()).toBe(3);
});

test('a registry that keeps calling them wrong is believed after the third time', async () => {
  const { session, asked } = registryThatRefuses(9);
  await expect(pushManifest(session, 'v1', content, undefined)).rejects.toBe(refusal);
  expect(asked()).toBe(3);
});
