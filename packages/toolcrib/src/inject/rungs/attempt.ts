import { SandboxError } from '../../core/errors.ts';
import type { Progress } from '../../core/reporter.ts';
import type { Sandbox, SandboxProcess } from '../../sandboxes/sandbox.ts';
import type { InjectableArtifact } from '../artifact.ts';
import { emptiedEnvironment } from '../environment.ts';
import type { ParentExamination } from '../examine-parent.ts';
import type { CopyingRung } from '../placement.ts';
import { findProgram } from '../sandbox-program.ts';

/** One attempt to place an artifact into a fresh directory. */
export interface Attempt {
  readonly sandbox: Sandbox;
  readonly artifact: InjectableArtifact;
  readonly examination: ParentExamination;
  readonly rung: CopyingRung;
  /** Name of the fresh directory. */
  readonly name: string;
  /** `0` to run helping programs as root; undefined for the sandbox's own user. */
  readonly user: '0' | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
  /** Says that something moved, where only bytes of many files together are progress. */
  readonly moved: () => void;
}

/** Path of the fresh directory, in the sandbox's own terms. */
export function directoryOf(attempt: Pick<Attempt, 'examination' | 'name'>): string {
  return `${attempt.examination.parent.replace(/\/$/, '')}/${attempt.name}`;
}

/** Names of the directories that are made, from the first one that is not there. */
export function namesToMake(attempt: Pick<Attempt, 'examination' | 'name'>): readonly string[] {
  return [...attempt.examination.missing, attempt.name];
}

/** As whom, and where, a helping program runs. */
export type ProgramContext = Pick<Attempt, 'sandbox' | 'user' | 'signal'>;

/** A placement that only programs of the sandbox can read back; they run as its own user. */
export interface PlacedTree {
  readonly sandbox: Sandbox;
  readonly artifact: InjectableArtifact;
  /** Path of the sandbox. */
  readonly directory: string;
  readonly signal: AbortSignal | undefined;
  /** Says that something moved. */
  readonly moved: () => void;
}

/**
 * Finds a program that may be run as the attempt's user.
 * @throws SandboxError `NOT_INJECTABLE` when there is none, or none that root can run safely.
 */
export async function requireProgram(context: ProgramContext, name: string): Promise<string> {
  const asRoot = context.user === '0';
  const program = await findProgram(context.sandbox, name, asRoot);
  if (program === undefined) throw new SandboxError('NOT_INJECTABLE', `the sandbox has no ${name}`);
  if (!asRoot || program.trusted) return program.path;
  throw new SandboxError('NOT_INJECTABLE', `${program.path} is not root's alone, so it is not run as root`);
}

/** Starts a helping program: emptied environment, working directory `/`. */
export async function startProgram(
  context: ProgramContext,
  argv: readonly string[],
  stdin: boolean,
): Promise<SandboxProcess> {
  const { sandbox, user, signal } = context;
  return await sandbox.exec({
    ...emptiedEnvironment(sandbox.identity),
    argv,
    cwd: '/',
    stdin,
    ...(user !== undefined && { user }),
    ...(signal !== undefined && { signal }),
  });
}
