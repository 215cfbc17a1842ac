import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mountAbove, mountLinesFrom, rootWithin } from '../../../src/core/mount-table.ts';

const TABLE = [
  '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
  '30 27 254:1 /@home /home ro,nosuid - btrfs /dev/vdb rw',
  '31 27 0:40 / /mnt/a\\040b\\134c rw master:3 propagate_from:2 - tmpfs none rw',
  'no line',
  '32 27 254:0 /root/trees/x//deleted /opt/x ro,nodev - ext4 /dev/vda rw',
  '33 27 0:41 / / rw - bpf none rw',
].join('\n');
const lines = mountLinesFrom(TABLE);

describe('a table of mounts', () => {
  test('tells of each mount what it is, where, and whether others have it, too', () => {
    expect(lines.map(({ id, parent, root, path }) => [id, parent, root, path])).toEqual([
      [27n, 1n, '/', '/'],
      [30n, 27n, '/@home', '/home'],
      [31n, 27n, '/', '/mnt/a b\\c'],
      [32n, 27n, '/root/trees/x//deleted', '/opt/x'],
      [33n, 27n, '/', '/'],
    ]);
    expect(lines.map(({ isReadOnly, isShared }) => [isReadOnly, isShared])).toEqual([
      [false, true],
      [true, false],
      [false, false],
      [true, false],
      [false, false],
    ]);
    expect(lines[1]?.device).toBe((254n << 32n) | 1n);
  });

  test('tells what an overlay shows, the upper first, and nothing of that for others', () => {
    const overlays = mountLinesFrom(
      [
        '40 27 0:50 / /a ro - overlay overlay ro,lowerdir=/trees/x\\040y:/empty,redirect_dir=nofollow',
        '41 27 0:51 / /b rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u,workdir=/w',
        '42 27 0:52 / /c rw - tmpfs lowerdir=/x rw,lowerdir=/x',
        '43 27 0:53 / /d rw - overlay overlay rw',
      ].join('\n'),
    );
    expect(overlays.map(({ layers }) => layers)).toEqual([['/trees/x y', '/empty'], ['/u', '/l1', '/l2'], [], []]);
  });

  test('tells in which mount a path is: of two at one place, the one on top', () => {
    expect(mountAbove(lines, '/home/me')?.id).toBe(30n);
    expect(mountAbove(lines, '/homes')?.id).toBe(33n);
    expect(mountAbove([], '/home')).toBeUndefined();
  });

  test('tells the path of a directory in its file system', () => {
    const below = lines.slice(0, 3);
    expect(rootWithin(below, '/')).toBe('/');
    expect(rootWithin(below, '/root/trees')).toBe('/root/trees');
    expect(rootWithin(below, '/home')).toBe('/@home');
    expect(rootWithin(below, '/home/me')).toBe('/@home/me');
    expect(rootWithin(below, '/mnt/a b\\c')).toBe('/');
  });

  test('is read whatever stands in it', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(mountLinesFrom(text).length).toBeLessThanOrEqual(text.split('\n').length);
      }),
    );
  });
});
