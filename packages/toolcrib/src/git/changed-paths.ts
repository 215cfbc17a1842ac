import { RemoteError } from '../core/errors.ts';

/** What happened to a path: renames are a path that went and one that came. */
export type ChangeKind = 'added' | 'modified' | 'deleted' | 'mode changed' | 'type changed' | 'unmerged' | 'untracked';

/** A path that is not what it was. */
export interface ChangedPath {
  /** From the top of the repository, with `/`; any characters but NUL. */
  readonly path: string;
  readonly kind: ChangeKind;
}

/** A path of a raw diff. */
export interface DiffedPath extends ChangedPath {
  /** True when only the times of a file of the work tree tell that it changed: git did not look into it. */
  readonly isGuess: boolean;
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
export function parseRawDiff(output: string): readonly DiffedPath[] {
  const fields = output.split('\0');
  if (fields.pop() !== '' || fields.length % 2 !== 0) throw unreadable(output);
  const changed: DiffedPath[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    const record = parseRecord(fields[at] ?? '');
    const path = fields[at + 1] ?? '';
    if (record === undefined || path === '') throw unreadable(fields[at] ?? '');
    changed.push({ path, ...record });
  }
  return changed;
}

function parseRecord(record: string): Omit<DiffedPath, 'path'> | undefined {
  const { oldMode, newMode, oldId, newId = '', status = '' } = RECORD.exec(record)?.groups ?? {};
  const kind = KINDS[status];
  if (kind !== 'modified') return kind && { kind, isGuess: false };
  if (oldMode !== newMode) return { kind: oldId === newId ? 'mode changed' : kind, isGuess: false };
  return { kind, isGuess: /^0+$/.test(newId) };
}

/**
 * Reads the paths that `git status --porcelain=v1 -z --no-renames` wrote.
 * @throws RemoteError `STORAGE` when it is not that.
 */
export function parseStatus(output: string): readonly string[] {
  return parsePathList(output).map((entry) => {
    if (!/^[ MTADRCU?!]{2} [^]/.test(entry)) throw unreadable(entry);
    return entry.slice(3);
  });
}

/** Reads a list of paths that each end with NUL. */
export function parsePathList(output: string): readonly string[] {
  return output.split('\0').filter((path) => path !== '');
}

function unreadable(text: string): RemoteError {
  return new RemoteError(
    'STORAGE',
    `git answered what neither a diff nor a status looks like: ${JSON.stringify(text.slice(0, 120))}`,
    {
      hint: 'is "git" on the PATH the program of that name?',
    },
  );
}
