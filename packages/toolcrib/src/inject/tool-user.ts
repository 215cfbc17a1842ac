import { SandboxError } from '../core/errors.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { holdsAtPlacementOnly, type Placement } from './placement.ts';

/**
 * Refuses to run a tool as another user than the sandbox's own where that one may have changed it since it was proven:
 * who names another user, root for example, does not mean to run what the sandbox's own user put there. A sandbox whose
 * own user is root is none of these: root there is everybody already.
 * @param user as engines take it, `USER[:GROUP]`; undefined for the sandbox's own.
 * @throws SandboxError `EXEC_FAILED`.
 */
export function verifyToolUser(
  { reference, identity }: Pick<Sandbox, 'reference' | 'identity'>,
  { protection, directory, why }: Pick<Placement, 'protection' | 'directory' | 'why'>,
  user: string | undefined,
): void {
  if (user === undefined || !holdsAtPlacementOnly(protection)) return;
  const own = identity.user;
  if (uidIn(own) === '0' || isSameUser(user, own)) return;
  const what = `the tool in ${reference} is not run as user ${JSON.stringify(user)}`;
  const because = `it is ${protection} there, so that user ${JSON.stringify(own)} may have changed it`;
  throw new SandboxError('EXEC_FAILED', `${what}: ${because}`, {
    hint: 'leave --user out, or make the sandbox with a mount that "toolcrib mount-args" writes: others run what is root-owned or a read-only-mount',
    details: { sandbox: reference, user, own, directory, protection, why },
  });
}

/**
 * Names are compared as they are written: what one stands for is told by a file of the sandbox, anew at each exec. The
 * group counts, for one that is left out becomes root's where the sandbox knows no such user.
 */
function isSameUser(one: string, other: string): boolean {
  return uidIn(one) === uidIn(other) && groupIn(one) === groupIn(other);
}

/** In its written form, without zeros before it; a name that is not root's stays. */
function uidIn(user: string): string {
  const [name = ''] = user.split(':');
  return name === '' || name === 'root' ? '0' : withoutZeros(name);
}

function groupIn(user: string): string | undefined {
  const [, group] = user.split(':');
  return group === undefined ? undefined : withoutZeros(group);
}

function withoutZeros(text: string): string {
  return /^\d+$/.test(text) ? text.replace(/^0+(?=\d)/, '') : text;
}
