import {
  CheckError,
  ConflictError,
  IntegrityError,
  InterruptedError,
  NotFoundError,
  PolicyError,
  RemoteError,
  SandboxError,
  UsageError,
} from '../core/errors.ts';

/** 1: whatever is not one of ours is a bug in toolcrib. docs/exit-codes.md. */
const BUG = 1;

/** A check that was asked for came out negative, and its result tells why. */
export const CHECK_FAILED = 9;

/** A store keeps a list of revoked releases that lacks some, and the result of what was asked for tells which. */
export const REVOCATIONS_OUTDATED = 5;

/** The sandbox cannot take the tool, or cannot be rid of it, and the result of what was asked for tells why. */
export const NOT_INJECTABLE = 8;

/** What `run` and `exec` exit with when toolcrib itself failed, so that it is not taken for the command's own code. */
export const WRAPPER_FAILED = 125;

const EXIT_CODES = [
  [UsageError, 2],
  [NotFoundError, 3],
  [IntegrityError, 4],
  [PolicyError, 5],
  [ConflictError, 6],
  [RemoteError, 7],
  [SandboxError, NOT_INJECTABLE],
  [CheckError, CHECK_FAILED],
  [InterruptedError, 130],
] as const;

/** The documented exit code of whatever was thrown. */
export function exitCodeOf(error: unknown): number {
  return EXIT_CODES.find(([kind]) => error instanceof kind)?.[1] ?? BUG;
}

const SIGNALLED = new Map<unknown, number>([
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGQUIT', 131],
  ['SIGTERM', 143],
]);

/** What a run exits with that was interrupted before its command was started: as if the signal had ended the command. */
export function runInterruptedBy(error: InterruptedError): number {
  return SIGNALLED.get(error.details['signal']) ?? exitCodeOf(error);
}
