import { posix } from 'node:path';

/** Of the process that opens it, whatever the file system calls that process. */
const OF_ITSELF = /^\/proc\/(?:self|thread-self)\/(?:task\/\d+\/)?(?:mem|fd\/\d+)$/;
/** Wherever its file system is mounted: a folder of that name in another one counts, too. */
const OF_A_PROCESS = /(?:^|\/)(\d+)\/(?:task\/\d+\/)?(?:mem|fd\/[^/]+)$/;

/** Who opened a path, and where that led. */
export interface OpenedBy {
  readonly pid: number;
  readonly tid: number;
  /** Where the path led, if the observer could tell. */
  readonly absolute: string | undefined;
}

/**
 * Whether an open may have got hold of the memory or of a descriptor of another process: of any `N/mem`, `N/fd/M` and the same
 * of a thread of it, below `/proc` or any other folder, where N is not the process itself. In another pid namespace numbers
 * mean something else: an open of its own may count then. A descriptor is only known by the path that was given, because that
 * leads on: what a link, or a folder that was opened before, leads to is not seen.
 * @param given as it may be written: redacted.
 */
export function isOfAnotherProcess(given: string, { pid, tid, absolute }: OpenedBy): boolean {
  if (!mayBeOfAProcess(given) && !mayBeOfAProcess(absolute ?? '')) return false;
  if (OF_ITSELF.test(given)) return false;
  // Links lead on from a descriptor, so that only what was given tells whose it was.
  const direct = given === '' ? undefined : posix.normalize(given);
  return [direct, absolute].some((path) => {
    const owner = OF_A_PROCESS.exec(path ?? '')?.[1];
    return owner !== undefined && ![pid, tid].includes(Number(owner));
  });
}

/** The cheap look before the patterns: a run can have millions of opens. */
function mayBeOfAProcess(path: string): boolean {
  return path.includes('/mem') || path.includes('/fd');
}
