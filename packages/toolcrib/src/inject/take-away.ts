import { posix } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { hasCode, messageOf, SandboxError } from '../core/errors.ts';
import { mounterOf, type Sandbox, type SandboxEntry } from '../sandboxes/sandbox.ts';
import { usersFor } from './attempts.ts';
import { CLEANUP, withDeadline, type Patience } from './deadline.ts';
import { examineParent, statWithin } from './examine-parent.ts';
import { collectOutput, tailOf } from './output.ts';
import { placementAt } from './placement-name.ts';
import { requireProgram, startProgram } from './rungs/attempt.ts';
import { sandboxUid } from './sandbox-user.ts';

/** Nothing is seen of how it goes on, and a large tree takes a slow disk a while. */
const REMOVAL: Patience = { total: 60_000, quiet: 60_000 };

/** Where a directory is taken away. */
export interface TakingAway {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What can be done about a directory of a sandbox:
 *
 * - `absent`: nothing stands there.
 * - `impossible`: it cannot or must not be taken away, and nothing was tried.
 * - `possible`: `run` takes it away, with all that is in it.
 */
export type Removal =
  | { readonly kind: 'absent' }
  | { readonly kind: 'impossible'; readonly reason: string }
  | {
      readonly kind: 'possible';
      /**
       * @returns why something of it is still there; undefined when it is gone.
       * @throws as {@link planRemoval}.
       */
      run(): Promise<string | undefined>;
    };

/**
 * Looks how a directory that an injection wrote can be taken away again. Nothing is executed or written before `run`.
 *
 * Only what has the name of a placement is ever removed. Every component on the way is examined as before placing: one
 * that is a link now, or belongs to the host, rules it out; links in the directory are removed, not followed. Where
 * somebody else could plant a link meanwhile, only the sandbox's own user removes it, who can remove nothing by it that
 * was out of reach.
 * @param directory path of the sandbox, as the ledger has it.
 * @throws SandboxError `SANDBOX_STATE`; RemoteError `UNREACHABLE`; the signal's reason.
 */
export async function planRemoval(context: TakingAway, directory: string): Promise<Removal> {
  const { sandbox } = context;
  const removal = await planRemovalThere(context, directory);
  if (removal.kind === 'impossible') return removal;
  const mounted = await findMount(sandbox, directory);
  // What stands at the path of a mount that was moved is not what was placed.
  const isMoved = mounted?.path !== undefined && mounted.path !== directory;
  if (mounted !== undefined && (isMoved || removal.kind === 'absent')) return impossible(mounted.whyLeft);
  if (removal.kind === 'absent') return removal;
  return { ...removal, run: async () => (await removal.run()) ?? (await findMount(sandbox, directory))?.whyLeft };
}

interface FoundMount {
  /** Where it is now; undefined when nobody can tell whether it is anywhere. */
  readonly path?: string;
  /** Why it stays unless it can be removed where it was made. */
  readonly whyLeft: string;
}

/** A mount goes with the directories above it, which root in the sandbox can rename; its random name tells it. */
async function findMount(sandbox: Sandbox, directory: string): Promise<FoundMount | undefined> {
  const mounter = mounterOf(sandbox);
  if ('closed' in mounter) return undefined;
  const paths = await mounter.mountPaths();
  if (paths === undefined)
    return { whyLeft: 'nobody can tell whether it is still mounted: there are too many mounts in the sandbox' };
  const path = paths.find((one) => posix.basename(one) === posix.basename(directory));
  const whyLeft = `root in the sandbox moved the mount to ${path ?? ''}, where it stays until the sandbox stops`;
  return path === undefined ? undefined : { path, whyLeft };
}

async function planRemovalThere(context: TakingAway, directory: string): Promise<Removal> {
  const { sandbox } = context;
  if (placementAt(directory) === undefined) return impossible('it is not a directory that an injection makes');
  const uid = await sandboxUid(sandbox);
  const examination = await examineParent(sandbox, posix.dirname(directory), uid);
  if (examination.refusal !== undefined) return impossible(examination.refusal);
  const isVisible = examination.mount?.kind !== 'tmpfs';
  if (isVisible) {
    const there = examination.missing.length === 0 ? await standing(sandbox, directory) : undefined;
    if (there === undefined) return { kind: 'absent' };
    if (there.kind !== 'directory') return impossible(`a ${there.kind} stands there now, which was not placed`);
  }
  const isGone = async () =>
    isVisible ? (await standing(sandbox, directory)) === undefined : await isGoneInside(sandbox, directory);
  return await planWays(context, { directory, isGone, users: usersFor(sandbox, examination, uid) });
}

/** The tree, or what the namespace helper did not come to give that name, or took it from before it removed it. */
async function standing(sandbox: Sandbox, directory: string): Promise<SandboxEntry | undefined> {
  return (await statWithin(sandbox, directory)) ?? (await statWithin(sandbox, unnamed(directory)));
}

/** The name that the namespace helper gives a tree while it is not whole. */
function unnamed(directory: string): string {
  return posix.join(posix.dirname(directory), `.${posix.basename(directory)}`);
}

/** In a tmpfs, where nobody but who enters the mount namespace sees it; elsewhere who removes it has to be believed. */
async function isGoneInside({ namespace }: Sandbox, directory: string): Promise<boolean> {
  if (namespace === undefined || 'closed' in namespace) return true;
  try {
    const seen = [...(await namespace.look(directory)), ...(await namespace.look(unnamed(directory)))];
    return !seen.some(({ path }) => path === directory || path === unnamed(directory));
  } catch (error) {
    if (!hasCode(error, 'NOT_INJECTABLE')) throw error;
    return false;
  }
}

interface Wanted {
  readonly directory: string;
  readonly isGone: () => Promise<boolean>;
  readonly users: readonly ('0' | undefined)[];
}

type Way = () => Promise<void>;

async function planWays(context: TakingAway, wanted: Wanted): Promise<Removal> {
  const { sandbox } = context;
  const { directory } = wanted;
  const { remover } = sandbox;
  const findProgram = (user: '0' | undefined) => requireProgram({ sandbox, user, signal: undefined }, 'rm');
  if (remover !== undefined) {
    const byPrograms = wanted.users.map((user): Way => async () => {
      await removeByProgram(context, await findProgram(user), user, directory);
    });
    const byRemover: Way = async () => {
      await withDeadline(context, 'removing it from this host', REMOVAL, async ({ signal }) => {
        await remover.removeTree(directory, signal);
      });
    };
    return possible([byRemover, ...byPrograms], wanted);
  }
  const ways: Way[] = [];
  const reasons: string[] = [];
  for (const user of wanted.users) {
    try {
      const rm = await findProgram(user);
      ways.push(() => removeByProgram(context, rm, user, directory));
    } catch (error) {
      if (!hasCode(error, 'NOT_INJECTABLE')) throw error;
      reasons.push(messageOf(error));
    }
  }
  return ways.length === 0 ? impossible(reasons.join('; ')) : possible(ways, wanted);
}

function possible(ways: readonly Way[], wanted: Wanted): Removal {
  return { kind: 'possible', run: () => runWays(ways, wanted) };
}

async function runWays(ways: readonly Way[], { isGone }: Wanted): Promise<string | undefined> {
  const reasons: string[] = [];
  for (const way of ways) {
    const reason = await failureOf(way);
    if (reason === undefined && (await isGone())) return undefined;
    reasons.push(reason ?? 'what was to remove it said that it did, and it is still there');
  }
  return reasons.join('; ');
}

async function failureOf(way: Way): Promise<string | undefined> {
  try {
    await way();
    return undefined;
  } catch (error) {
    if (!hasCode(error, 'NOT_INJECTABLE', 'EXEC_FAILED', 'STORAGE')) throw error;
    return messageOf(error);
  }
}

/** Links in the tree are removed by `rm`, not followed; the program comes as a path that was examined. */
async function removeByProgram(
  context: TakingAway,
  rm: string,
  user: '0' | undefined,
  directory: string,
): Promise<void> {
  const { sandbox } = context;
  const paths = [directory, unnamed(directory)].map((path) => sandbox.programPath(path));
  const argv = [rm, '-r', '-f', '--', ...paths];
  const output = await withDeadline(context, 'rm', CLEANUP, async ({ signal }) =>
    collectOutput(await startProgram({ sandbox, user, signal }, argv, false)),
  );
  if (output.code === 0) return;
  throw new SandboxError('NOT_INJECTABLE', `${rm} ended with ${output.code}: ${tailOf(output)}`);
}

function impossible(reason: string): Removal {
  return { kind: 'impossible', reason };
}
