import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The id of a container: engines name the cgroups of theirs by it, which other tests make at the same time. */
const CONTAINER = /[0-9a-f]{64}/;

/** Control groups of this machine, of every hierarchy, without those of containers. */
export function controlGroups(folder = '/sys/fs/cgroup'): ReadonlySet<string> {
  const below = foldersIn(folder).filter((path) => !CONTAINER.test(path));
  return new Set(below.flatMap((path) => [path, ...controlGroups(path)]));
}

/** One may go while it is looked at. */
function foldersIn(folder: string): readonly string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}
