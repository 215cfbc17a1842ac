/**
 * Everything that can go wrong in a way a caller can act on. A subclass answers what the caller can do; `code` says
 * exactly what happened. Whatever is not a {@link ToolcribError} is a bug in toolcrib.
 */

/** What happened, closed: a caller may switch over it. */
export type ErrorCode =
  // usage
  | 'USAGE'
  | 'CONFIG_INVALID'
  | 'VERSION_INVALID'
  | 'SUMS_INVALID'
  | 'NAME_INVALID'
  | 'TARGET_INVALID'
  | 'DIGEST_INVALID'
  | 'REFERENCE_INVALID'
  | 'RUN_SPEC_INVALID'
  | 'LOCK_OUTDATED'
  | 'RUN_LOG_INVALID'
  // not found
  | 'NOT_FOUND'
  | 'SANDBOX_NOT_FOUND'
  | 'BUILD_DECLINED'
  // integrity
  | 'DIGEST_MISMATCH'
  | 'SIZE_MISMATCH'
  | 'VERSION_MISMATCH'
  | 'MALFORMED'
  | 'TOO_LARGE'
  // policy
  | 'ROLLBACK'
  | 'ATTESTATION_MISSING'
  | 'ATTESTATION_UNTRUSTED'
  | 'ATTESTATION_WRONG'
  | 'REVOKED'
  | 'REVOCATIONS_OUTDATED'
  | 'NO_ANCHOR'
  | 'NOT_APPROVED'
  // conflict
  | 'VERSION_TAKEN'
  // remote
  | 'UNREACHABLE'
  | 'REMOTE_REFUSED'
  | 'OFFLINE'
  | 'STORAGE'
  | 'CANNOT_LISTEN'
  // sandbox
  | 'NO_TARGET_FITS'
  | 'NOT_INJECTABLE'
  | 'SANDBOX_STATE'
  | 'EXEC_FAILED'
  | 'NOT_OBSERVABLE'
  // check
  | 'BUILD_FAILED'
  | 'CHECK_FAILED'
  | 'ARCHIVE_REFUSED'
  // interrupted
  | 'INTERRUPTED';

/** Facts for machines: JSON values only, never a secret. */
export interface ErrorDetails {
  readonly [name: string]: string | number | boolean | null | readonly string[] | readonly ErrorDetails[];
}

export interface ErrorOptions {
  /** What the user can do about it, one sentence. */
  readonly hint?: string;
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/** The base of all errors that toolcrib raises on purpose. */
export abstract class ToolcribError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
    this.name = new.target.name;
  }

  /** Adds facts that only somebody further out knows; where it has one of that name, the new one counts. */
  addDetails(more: ErrorDetails): void {
    Object.assign(this, { details: { ...this.details, ...more } });
  }
}

/** The input is wrong: change the command, the configuration or a project file. */
export class UsageError extends ToolcribError {}

/** What was asked for is not there. */
export class NotFoundError extends ToolcribError {}

/** Bytes are not what was pinned, or a version answered that was not asked for. Never retried, never passed over. */
export class IntegrityError extends ToolcribError {}

/** The bytes are right, but a rule of the user refuses them. */
export class PolicyError extends ToolcribError {}

/** Somebody else was first: published versions are immutable. */
export class ConflictError extends ToolcribError {}

/** A machine outside (or the disk under us) did not do its part: trying again may help. */
export class RemoteError extends ToolcribError {}

/** The sandbox cannot take the tool. */
export class SandboxError extends ToolcribError {}

/** A check that was asked for came out negative. */
export class CheckError extends ToolcribError {}

/** The user stopped it. */
export class InterruptedError extends ToolcribError {
  constructor(message = 'interrupted', options: ErrorOptions = {}) {
    super('INTERRUPTED', message, options);
  }
}

/** True for an error of toolcrib that carries one of these codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is ToolcribError {
  return error instanceof ToolcribError && codes.includes(error.code);
}

/** True for an error of the operating system with this `code`, e.g. `ENOENT`. */
export function isSystemError(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}

/** The message of whatever was thrown, also of objects that refuse to become a text. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  try {
    return String(error);
  } catch {
    return `an ${typeof error} without a message was thrown`;
  }
}
