import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { hasEnded, statFields } from '../core/process-stat.ts';

/** One process of one boot of one machine, so that what it left on disk can be told from what it still uses. */
export interface ProcessIdentity {
  /** 8 hex digits for machine, boot and pid namespace: only inside of it does `pid` mean anything. */
  readonly host: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot; 0 where the system does not tell (no /proc). */
  readonly start: number;
}

let own: ProcessIdentity | undefined;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  own ??= { host: hostIdentity(), pid: process.pid, start: seenOf(process.pid)?.start ?? 0 };
  return own;
}

/**
 * Whether that process still runs; `unknown` for another machine, boot or pid namespace. One that ended and that its
 * parent did not wait for, be it for ever, is dead.
 */
export function livenessOf(of: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (of.host !== ownIdentity().host) return 'unknown';
  if (!isRunning(of.pid)) return 'dead';
  const seen = seenOf(of.pid);
  // Hidden or absent /proc: the number is in use, and nobody can say by whom.
  if (seen === undefined || of.start === 0) return 'alive';
  return seen.start === of.start && !seen.hasEnded ? 'alive' : 'dead';
}

/** `HOST-PID-START`, fit for a file name. */
export function formatIdentity(of: ProcessIdentity): string {
  return `${of.host}-${of.pid}-${of.start}`;
}

/** Undefined when the text is none. */
export function identityFrom(text: string): ProcessIdentity | undefined {
  const groups = /^(?<host>[0-9a-f]{8})-(?<pid>[1-9][0-9]{0,9})-(?<start>[0-9]{1,15})$/.exec(text)?.groups;
  if (groups === undefined) return undefined;
  return { host: groups['host'] ?? '', pid: Number(groups['pid']), start: Number(groups['start']) };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

function hostIdentity(): string {
  const parts = [hostname(), bootIdentity(), attempt(() => readlinkSync('/proc/self/ns/pid'))];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 8);
}

function bootIdentity(): string | undefined {
  return attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'));
}

/** By `/proc/PID/stat`. */
function seenOf(pid: number): { readonly start: number; readonly hasEnded: boolean } | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === undefined) return undefined;
  const fields = statFields(stat);
  const start = Number(fields[19]);
  return Number.isSafeInteger(start) ? { start, hasEnded: hasEnded(fields) } : undefined;
}

/** Systems without /proc, and those that hide it, are expected. */
function attempt(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
