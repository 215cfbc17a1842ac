import type { Command } from 'commander';
import { UsageError } from '../core/errors.ts';
import { isVersion } from '../core/version.ts';
import { LONGEST_TIMEOUT } from '../flows/exec-request.ts';
import type { Session } from './session.ts';

/** A command's work; what it returns is the exit code. */
export type Action<Arguments extends unknown[]> = (session: Session, ...args: Arguments) => Promise<number>;

/** What a command's module gets to register itself. */
export interface Registration {
  readonly program: Command;
  /** Wraps a command's work: opens the session and keeps the exit code. */
  readonly action: <Arguments extends unknown[]>(work: Action<Arguments>) => (...args: Arguments) => Promise<void>;
}

/** What a command's module exports. */
export type Register = (registration: Registration) => void;

/** For options that may be given again. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}

/** For options that take `NAME=VALUE`. @throws UsageError `USAGE`. */
export function collectAssignment(
  value: string,
  earlier: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = value.indexOf('=');
  if (at > 0) return { ...earlier, [value.slice(0, at)]: value.slice(at + 1) };
  throw new UsageError('USAGE', `--env takes NAME=VALUE, found ${JSON.stringify(value)}`, {
    hint: 'e.g. --env LANG=C',
  });
}

/** For options that take a version of a tool and may be given again. @throws UsageError `USAGE`. */
export function collectVersion(value: string, earlier: readonly number[] = []): readonly number[] {
  const version = /^[1-9][0-9]*$/.test(value) ? Number(value) : 0;
  if (isVersion(version)) return [...earlier, version];
  throw new UsageError('USAGE', `--version takes a whole number from 1 on, found ${JSON.stringify(value)}`, {
    hint: 'e.g. --version 3',
  });
}

/** For options that take how many things are done at the same time. @throws UsageError `USAGE`. */
export function parseJobs(value: string): number {
  const jobs = /^[1-9][0-9]{0,2}$/.test(value) ? Number(value) : 0;
  if (jobs > 0) return jobs;
  throw new UsageError('USAGE', `--jobs takes a whole number from 1 to 999, found ${JSON.stringify(value)}`, {
    hint: 'e.g. --jobs 8',
  });
}

/** For `--timeout`, which takes a time in seconds. @throws UsageError `USAGE`. */
export function parseTimeout(value: string): number {
  const seconds = value.trim() === '' ? 0 : Number(value);
  if (seconds > 0 && seconds <= LONGEST_TIMEOUT) return seconds;
  const what = seconds > LONGEST_TIMEOUT ? `at most ${LONGEST_TIMEOUT} seconds, a week` : 'a number of seconds above 0';
  throw new UsageError('USAGE', `--timeout takes ${what}, found ${JSON.stringify(value)}`, {
    hint: 'e.g. --timeout 60 for a minute',
  });
}

/** For options that take a file to write. @throws UsageError `USAGE` for none, and for what elsewhere stands for stdout. */
export function outputFile(value: string): string {
  if (value === '') {
    throw new UsageError('USAGE', '--output takes a file, and its name is empty', { hint: 'e.g. -o http.wasm' });
  }
  if (value !== '-') return value;
  throw new UsageError('USAGE', '--output takes a file, and "-" does not stand for stdout', {
    hint: 'a file of that name is ./-',
  });
}
