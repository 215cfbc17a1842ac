import { RemoteError } from '../core/errors.ts';

/** What happened to a path: renames are a path that went and one that came. */
export type ChangeKind = 'added' | 'modified' | 'deleted' | 'mode changed' | 'type changed' | 'unmerged' | 'untracked';

/** A path that is not what it was. */
export interface ChangedPath {
  /** From the top of the repository, with `/`; any characters but NUL. */
  readonly path: string;
  readonly kind: ChangeKind;
}

const KINDS: Readonly<Record<string, ChangeKind>> = {
  A: 'added',
  M: 'modified',
  D: 'deleted',
  T: 'type changed',
  U: 'unmerged',
};

/** `:100644 100755 OLD NEW M`: git-diff(1), "raw output format". */
const RECORD = /^:(?<oldMode>\d{6}) (?<newMode>\d{6}) (?<oldId>[0-9a-f]+) (?<newId>[0-9a-f]+) (?<status>[A-Z])\d*$/;

/**
 * Reads what `git diff --raw -z --no-renames` wrote.
 * @throws RemoteError `STORAGE` when it is not that.
 */
export function parseRawDiff(output: string): readonly ChangedPath[] {
  const fields = output.split('\0');
  if (fields.pop() !== '' || fields.length % 2 !== 0) throw unreadable(output);
  const changed: ChangedPath[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const kind = kindOf(fields[at] ?? '');
    const path = fields[at + 1] ?? '';
    if (kind === undefined || path === '') throw unreadable(fields[at] ?? '');
    changed.push({ path, kind });
  }
  return changed;
}

function kindOf(record: string): ChangeKind | undefined {
  const { oldMode, newMode, oldId, newId, status = '' } = RECORD.exec(record)?.groups ?? {};
  const kind = KINDS[status];
  // The work tree's side has no id where git did not have to make one.
  const isModeOnly = kind === 'modified' && oldMode !== newMode && oldId === newId;
  return isModeOnly ? 'mode changed' : kind;
}

/** Reads a list of paths that each end with NUL. */
export function parsePathList(output: string): readonly string[] {
  return output.split('\0').filter((path) => path !== '');
}

function unreadable(text: string): RemoteError {
  return new RemoteError('STORAGE', `git answered what no diff looks like: ${JSON.stringify(text.slice(0, 120))}`, {
    hint: 'is "git" on the PATH the program of that name?',
  });
}
