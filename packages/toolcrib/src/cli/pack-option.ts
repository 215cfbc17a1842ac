import { UsageError } from '../core/errors.ts';

/** `--pack DIR` of the commands that read what a pack declares: flags, description, and what takes its value. */
export const PACK_OPTION = [
  '--pack <dir>',
  'the directory with pack.extensions.json (default: this one)',
  packDirectory,
] as const;

/** An empty one is a variable that was not set: it would be the working directory. */
function packDirectory(value: string): string {
  if (value !== '') return value;
  throw new UsageError('USAGE', '--pack takes a directory, and its name is empty', {
    hint: 'leave it away for this directory',
  });
}
