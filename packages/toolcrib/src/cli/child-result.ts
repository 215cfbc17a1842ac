import { resolve } from 'node:path';
import { hasCode, RemoteError, UsageError } from '../core/errors.ts';

/** How a command ended, as far as the failure to tell it elsewhere tells it. */
export interface ChildEnd {
  /** What toolcrib would have exited with. */
  readonly exitStatus?: number;
  /** The same of a command that was not recorded. */
  readonly code?: number;
  /** The path of what was recorded. */
  readonly archive?: string;
}

/**
 * The result replaces what stands at its path: that must not be what the command is recorded in, or from.
 * @param others option to file, as the user wrote it.
 * @throws UsageError `USAGE`.
 */
export function verifyResultApart(file: string | undefined, others: ReadonlyMap<string, string | undefined>): void {
  for (const [option, other] of others) {
    if (file === undefined || other === undefined || resolve(file) !== resolve(other)) continue;
    throw new UsageError('USAGE', `--result and ${option} name the same file: ${file}`, {
      hint: 'give the result a file of its own',
    });
  }
}

/**
 * Writes what happened to the file of `--result`; without one it does nothing.
 * @throws RemoteError `STORAGE`, which tells how the command ended: that is not to be had again.
 */
export async function writeResult(file: string | undefined, result: ChildEnd): Promise<void> {
  if (file === undefined) return;
  const { writeFileAtomically } = await import('../disk/write-file.ts');
  try {
    await writeFileAtomically(file, `${JSON.stringify(result)}\n`);
  } catch (error) {
    if (!hasCode(error, 'STORAGE')) throw error;
    throw new RemoteError('STORAGE', `${fateOf(result)}, but its result cannot be told: ${error.message}`, {
      ...(error.hint !== undefined && { hint: error.hint }),
      details: { ...error.details, exitStatus: exitStatusOf(result), archive: result.archive ?? null },
      cause: error,
    });
  }
}

function fateOf(result: ChildEnd): string {
  const recorded = result.archive === undefined ? '' : ` and is recorded in ${result.archive}`;
  return `the command is over (${exitStatusOf(result)})${recorded}`;
}

function exitStatusOf({ exitStatus, code }: ChildEnd): number | null {
  return exitStatus ?? code ?? null;
}
