import { UsageError } from '../core/errors.ts';

/**
 * How a project got to where it is: `package`, installed from a registry; `clean`, a checkout that nobody edited, or what
 * counts as one; `edited`, a checkout whose sources or version are not those of the base branch.
 */
export type InstallState = 'package' | 'clean' | 'edited';

/** An install state, and what tells it. */
export interface Installation {
  readonly state: InstallState;
  /** A sentence without its end. */
  readonly reason: string;
}

/** The variable by which a user says what the state is. */
export const INSTALL_STATE_VARIABLE = 'TOOLCRIB_INSTALL_STATE';

const STATES: readonly InstallState[] = ['package', 'clean', 'edited'];

/**
 * What the user says.
 * @param value of {@link INSTALL_STATE_VARIABLE}.
 * @returns undefined when they say nothing.
 * @throws UsageError `USAGE` naming what can be said.
 */
export function statedInstallation(value: string | undefined): Installation | undefined {
  if (value === undefined || value === '') return undefined;
  const state = STATES.find((each) => each === value);
  if (state !== undefined) return { state, reason: `${INSTALL_STATE_VARIABLE} says so` };
  throw new UsageError(
    'USAGE',
    `${INSTALL_STATE_VARIABLE} is ${JSON.stringify(value)}, expected ${STATES.join(', ')}`,
    {
      hint: `set it to one of ${STATES.join(', ')}, or unset it`,
    },
  );
}
