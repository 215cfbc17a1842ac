import { ToolcribError } from '../../../src/core/errors.ts';

/** The error of toolcrib that a call ends with; anything else, also success, fails the test. */
export function failureOf(call: () => unknown): ToolcribError {
  try {
    call();
  } catch (error) {
    if (error instanceof ToolcribError) return error;
    throw error;
  }
  throw new Error('expected an error of toolcrib, but the call succeeded');
}

/** As {@link failureOf}, of a call that takes its time. */
export async function failureOfAsync(call: () => Promise<unknown>): Promise<ToolcribError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof ToolcribError) return error;
    throw error;
  }
  throw new Error('expected an error of toolcrib, but the call succeeded');
}
