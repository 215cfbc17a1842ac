import { describe, expect, test } from 'vitest';
import { parsePathStat } from '../../../src/sandboxes/docker/path-stat.ts';

const header = (stat: unknown) => Buffer.from(JSON.stringify(stat)).toString('base64');

describe("the engine's description of a path", () => {
  test.each([
    [0x800001ed, 'directory', 0o755],
    [0x80100000 + 0o777, 'directory', 0o1777],
    [0x08000000 + 0o777, 'link', 0o777],
    [0o644, 'file', 0o644],
    [0x00800000 + 0o755, 'file', 0o4755],
    [0x00400000 + 0o755, 'file', 0o2755],
    [0x04000000 + 0o600, 'other', 0o600],
    [0x04200000 + 0o600, 'other', 0o600],
    [0x02000000 + 0o600, 'other', 0o600],
    [0x01000000 + 0o600, 'other', 0o600],
  ])('with Go mode %d is a %s', (mode, kind, permissions) => {
    expect(parsePathStat(header({ name: 'x', size: 7, mode, linkTarget: '/to' }))).toEqual({
      kind,
      mode: permissions,
      size: 7,
      linkTarget: kind === 'link' ? '/to' : '',
    });
  });

  test.each([undefined, '', 'no base64 of JSON', header(null), header([]), header({ mode: 'x', size: 1 })])(
    'is refused when it is %j',
    (text) => {
      expect(() => parsePathStat(text)).toThrow(expect.objectContaining({ code: 'REMOTE_REFUSED' }));
    },
  );
});
