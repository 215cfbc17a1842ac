import type { PathRecord } from '../layers/effect-event.ts';
import type { ObservedPath } from '../observe/observed-call.ts';

/** What our own members tell of a path. @param redacted makes a text fit to be written. */
export function pathRecord(path: ObservedPath, redacted: (text: string) => string): PathRecord {
  const { given, cut } = path;
  // What is no file has no place, such as the end of a pipe.
  const absolute = path.absolute?.startsWith('/') === true ? path.absolute : undefined;
  const isRelative = absolute === undefined && given !== undefined && !given.startsWith('/');
  return {
    given: given === undefined ? null : redacted(given),
    ...(absolute !== undefined && absolute !== given && { absolute: redacted(absolute) }),
    ...(isRelative && { relative: true }),
    ...(cut && { cut }),
  };
}
