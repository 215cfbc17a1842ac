import { InterruptedError } from '../core/errors.ts';
import { WRAPPER_FAILED } from './exit-codes.ts';
import type { Output } from './output.ts';

/**
 * For commands that pass a child's code on: a failure of toolcrib is told on stderr and exits with 125, so that it is
 * not taken for the child's own. docs/exit-codes.md.
 */
export async function wrapped(work: () => Promise<number>, output: Output): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    output.fail(error);
    return WRAPPER_FAILED;
  }
}

/** Writes what happened to the file of `--result`; without one it does nothing. */
export async function writeResult(file: string | undefined, result: unknown): Promise<void> {
  if (file === undefined) return;
  const { writeFileAtomically } = await import('../disk/write-file.ts');
  await writeFileAtomically(file, `${JSON.stringify(result)}\n`);
}
