import { hasCode } from '../core/errors.ts';
import { parseVersionFile } from '../core/version.ts';
import { isIrregular } from '../disk/open-regular-file.ts';
import { readSmallFile } from '../disk/small-file.ts';
import type { VersionReading } from './judge-version.ts';

/** Neither a version file nor a sums file is ever larger, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** A text of the work tree, or why there is none that counts. */
export interface ProjectText {
  /** Undefined when nothing is there, or when there is a problem. */
  readonly text: string | undefined;
  readonly problem: string | undefined;
}

/**
 * Reads a file of the project. A link is none: it would let a pull request show what else is on the machine.
 * @param name as it is told to people.
 * @throws RemoteError `STORAGE`.
 */
export async function readProjectText(path: string, name: string): Promise<ProjectText> {
  try {
    const bytes = await readSmallFile(path, MAX_BYTES, { followLinks: false });
    return { text: Buffer.from(bytes).toString('utf8'), problem: undefined };
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return { text: undefined, problem: undefined };
    if (isIrregular(error)) return { text: undefined, problem: `${name} is not a regular file` };
    if (hasCode(error, 'TOO_LARGE')) return { text: undefined, problem: `${name} has more than ${MAX_BYTES} bytes` };
    throw error;
  }
}

/** What a version file says. What it holds instead of a version is never quoted: a check may be of a stranger's change. */
export function readVersionText({ text, problem }: ProjectText, name: string): VersionReading {
  if (problem !== undefined) return { problem };
  if (text === undefined) return { problem: `${name} is not there` };
  try {
    return { version: parseVersionFile(text, name), text };
  } catch (error) {
    if (hasCode(error, 'VERSION_INVALID'))
      return { problem: `${name}:1: expected one integer from 1 on and a newline` };
    throw error;
  }
}
