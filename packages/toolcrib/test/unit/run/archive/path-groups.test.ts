import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupPaths } from '../../../../src/run/archive/path-groups.ts';

const once = (paths: readonly string[]) => paths.map((path) => ({ path, opens: 1 }));
const told = (paths: readonly string[], most: number) =>
  groupPaths(once(paths), most).map(({ path, paths: count }) => `${path} ${count}`);

describe('paths in groups', () => {
  test('are told one by one as long as there is room', () => {
    expect(told(['/b', '/a/x', '/a/y'], 3)).toEqual(['/a/x 1', '/a/y 1', '/b 1']);
    expect(told(['/a'], 1)).toEqual(['/a 1']);
    expect(told([], 1)).toEqual([]);
  });

  test('are told by the folders that say most', () => {
    const source = Array.from({ length: 30 }, (_, index) => `/srv/src/file-${index}.ts`);
    const build = Array.from({ length: 20 }, (_, index) => `/srv/build/${index % 4}/${index}.o`);
    expect(told([...source, ...build, '/etc/hosts', 'relative'], 5)).toEqual([
      '/etc/hosts 1',
      '/srv/build/ 20',
      '/srv/src/ 30',
      'relative 1',
    ]);
    expect(told([...source, ...build, '/etc/hosts', 'relative'], 8)).toContain('/srv/build/0/ 5');
    expect(told([...source, ...build, '/srv/Makefile'], 3)).toEqual([
      '/srv/Makefile 1',
      '/srv/build/ 20',
      '/srv/src/ 30',
    ]);
  });

  test('are each in one group that begins like them, whatever their order', () => {
    const name = fc.constantFrom('', 'a', 'b', 'ab', '..', 'é');
    const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'));
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 40 }), fc.integer({ min: 1, max: 20 }), (paths, most) => {
        const groups = groupPaths(once(paths), most);
        expect(groups.length).toBeLessThanOrEqual(most);
        expect(groups.reduce((sum, group) => sum + group.paths, 0)).toBe(paths.length);
        for (const path of paths) expect(groups.some((group) => path.startsWith(group.path))).toBe(true);
        expect(groupPaths(once([...paths].reverse()), most)).toEqual(groups);
      }),
    );
  });
});
