import { RemoteError, type ToolcribError } from '../core/errors.ts';

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free space there, or use another directory',
  EDQUOT: 'the disk quota is used up: free space there, or use another directory',
  EROFS: 'that file system is read-only: use another directory',
  EACCES: 'this user may not do that there: change the permissions, or use another directory',
  EPERM: 'this user may not do that there: change the permissions, or use another directory',
  EISDIR: 'a directory stands where a file should: move it away',
  EMFILE: 'too many files are open: raise the limit (ulimit -n)',
  ENOTDIR: 'a component of that path is a file: use another directory',
};

/**
 * What a failed system call on a path becomes for the user. Anything that is not an error of the operating system is
 * handed back as it is.
 * @param operation as in "cannot …", e.g. `write`.
 * @returns RemoteError `STORAGE` naming operation, path and the system's code.
 */
export function storageError(error: unknown, operation: string, path: string): unknown {
  const code = systemCode(error);
  return code === undefined ? error : storageFailure(code, operation, path, error);
}

/**
 * Runs one operation on the disk.
 * @throws RemoteError `STORAGE` as {@link storageError}.
 */
export async function onDisk<T>(operation: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageError(error, operation, path);
  }
}

function storageFailure(code: string, operation: string, path: string, cause: unknown): ToolcribError {
  return new RemoteError('STORAGE', `cannot ${operation} ${path}: ${code}`, {
    hint: HINTS[code] ?? 'look at that path and its file system',
    details: { path, operation, system: code },
    cause,
  });
}

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
