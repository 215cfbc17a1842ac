import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onePiece } from '../../../src/core/one-piece.ts';
import { readFirstOwner } from '../../../src/sandboxes/tar-owner.ts';
import { formatHeader } from '../../../src/tar/header.ts';

const header = (uid: number): Uint8Array =>
  formatHeader({ name: 'lib/', mode: 0o755, size: 0, type: '5', linkName: '', uid });

describe('the owner of what an engine archives', () => {
  it('is the owner of the first entry', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(0o7777777), async (uid) => {
        expect(await readFirstOwner(onePiece(header(uid)))).toBe(uid);
      }),
    );
  });

  it('is nobody when the path went away meanwhile, and the archive is empty', async () => {
    expect(await readFirstOwner(onePiece(Buffer.alloc(1024)))).toBeUndefined();
  });

  it('is not guessed from what is no tar', async () => {
    await expect(readFirstOwner(onePiece(Buffer.alloc(1024, 7)))).rejects.toMatchObject({ code: 'REMOTE_REFUSED' });
  });
});
