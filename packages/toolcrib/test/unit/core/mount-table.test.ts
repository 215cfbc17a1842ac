import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mountAbove, mountLinesFrom, rootWithin } from '../../../src/core/mount-table.ts';

const TABLE = [
  '27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
  '30 27 254:1 /@home /home ro,nosuid,noexec - btrfs /dev/vdb rw',
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
    expect(lines.map(({ isExecutable }) => isExecutable)).toEqual([true, false, true, true, true]);
    expect(lines[1]?.device).toBe((254n << 32n) | 1n);
  });

  test('tells what an overlay shows, the upper first, and nothing of that for others', () => {
    const overlays = mountLinesFrom(
      [
        '40 27 0:50 / /a ro - overlay overlay ro,lowerdir=/trees/x\\040y:/empty,redirect_dir=nofollow',
        '41 27 0:51 / /b rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u,workdir=/w',
        '42 27 0:52 / /c rw - tmpfs lowerdir=/x rw,lowerdir=/x',
        '43 27 0:53 / /d rw - overlay overlay rw',
        '44 27 0:54 / /e rw - overlay overlay rw,lowerdir=/l\\134:1:b/x\\134\\134c:empty',
      ].join('\n'),
    );
    expect(overlays.map(({ layers }) => layers)).toEqual([
      ['/trees/x y', '/empty'],
      ['/u', '/l1', '/l2'],
      [],
      [],
      ['/l:1', 'b/x\\c', 'empty'],
    ]);
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

  test('has a mount whose source has no name', () => {
    expect(mountLinesFrom('45 27 0:55 / /nameless rw,relatime - tmpfs  rw')).toMatchObject([{ path: '/nameless' }]);
  });

  test('tells names of any bytes as they are', () => {
    fc.assert(
      fc.property(nameOf(), nameOf(), fc.array(nameOf(), { minLength: 1 }), (root, path, lower) => {
        const given = lower.map((name) => name.replaceAll(/[:\\]/g, '\\$&')).join(':');
        const places = `${escaped(root, ' \t\n\\')} ${escaped(path, ' \t\n\\')}`;
        const line = `7 1 0:9 ${places} ro shared:1 - overlay overlay ro,lowerdir=${escaped(given, ', \t\n\\')}`;
        const expected = { root: utf8(root), path: utf8(path), isShared: true, layers: lower.map(utf8) };
        expect(mountLinesFrom(`${line}\n`)).toMatchObject([expected]);
      }),
    );
  });

  test('is read whatever stands in it', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(mountLinesFrom(text).length).toBeLessThanOrEqual(text.split('\n').length);
      }),
    );
  });
});

/** Bytes of which none is NUL, as a string with one character for each. */
function nameOf(): fc.Arbitrary<string> {
  const oftenOdd = fc.constantFrom(...Buffer.from(' \t\n\r\v\f\\:,\u00a0à', 'utf8'), 0xa0);
  const byte = fc.oneof(oftenOdd, fc.integer({ min: 1, max: 255 }));
  return fc.array(byte, { minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
}

/** As the kernel writes what would be taken for something else: proc_pid_mountinfo(5). */
function escaped(text: string, special: string): string {
  const octal = (one: string) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`;
  return text.replaceAll(/./gs, (one) => (special.includes(one) ? octal(one) : one));
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
