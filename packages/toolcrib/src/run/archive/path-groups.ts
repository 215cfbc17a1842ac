import type { PathGroup } from '../../core/archive-account.ts';
import { compareCodePoints } from '../../tar/path.ts';

/** A path and how often it was opened. */
export interface OpenedPath {
  readonly path: string;
  readonly opens: number;
}

interface Group {
  /** The folder that all of it stands in. */
  readonly folder: string;
  readonly members: readonly OpenedPath[];
  /** What is in it has no room. */
  readonly isClosed: boolean;
}

/**
 * Few groups that stand for many paths: the group of the most paths is opened, again and again, as long as what is in it
 * has room. Deterministic, whatever the order of the paths.
 * @param paths different ones.
 * @param most groups that there may be; at least 1.
 */
export function groupPaths(paths: readonly OpenedPath[], most: number): readonly PathGroup[] {
  let groups: readonly Group[] = paths.length === 0 ? [] : [groupOf(paths)];
  for (let next = largest(groups); next !== undefined; next = largest(groups)) {
    const opened = next;
    const inside = insideOf(opened);
    const hasRoom = groups.length - 1 + inside.length <= most;
    groups = groups.flatMap((group) => {
      if (group !== opened) return [group];
      return hasRoom ? inside : [{ ...group, isClosed: true }];
    });
  }
  return groups.map(told).sort((a, b) => compareCodePoints(a.path, b.path));
}

function groupOf(members: readonly OpenedPath[]): Group {
  return { folder: commonFolder(members), members, isClosed: members.length === 1 };
}

/** Of several as large, the first by name. */
function largest(groups: readonly Group[]): Group | undefined {
  return groups.reduce<Group | undefined>((found, group) => {
    if (group.isClosed) return found;
    if (found === undefined || group.members.length > found.members.length) return group;
    const isEarlier = compareCodePoints(group.folder, found.folder) < 0;
    return group.members.length === found.members.length && isEarlier ? group : found;
  }, undefined);
}

/** Its folders, and what stands right in it as one more group; where nothing else is there, each path for itself. */
function insideOf({ folder, members }: Group): readonly Group[] {
  const own: OpenedPath[] = [];
  const folders = new Map<string, OpenedPath[]>();
  for (const member of members) {
    const slash = member.path.indexOf('/', folder.length);
    if (slash < 0) own.push(member);
    else listIn(folders, member.path.slice(0, slash + 1)).push(member);
  }
  if (folders.size === 0) return own.map((member) => groupOf([member]));
  const inner = [...folders.values()].map(groupOf);
  return own.length === 0 ? inner : [...inner, { ...groupOf(own), folder }];
}

function listIn(folders: Map<string, OpenedPath[]>, name: string): OpenedPath[] {
  const list = folders.get(name) ?? [];
  folders.set(name, list);
  return list;
}

/** Up to and with the last slash that all have in common. */
function commonFolder(members: readonly OpenedPath[]): string {
  let common = members[0]?.path ?? '';
  for (const { path } of members) {
    if (path.startsWith(common)) continue;
    let same = 0;
    while (same < common.length && common.charCodeAt(same) === path.charCodeAt(same)) same += 1;
    common = common.slice(0, same);
  }
  return common.slice(0, common.lastIndexOf('/') + 1);
}

function told({ folder, members }: Group): PathGroup {
  const [only] = members;
  const opens = members.reduce((sum, member) => sum + member.opens, 0);
  return { path: members.length === 1 && only !== undefined ? only.path : folder, paths: members.length, opens };
}
