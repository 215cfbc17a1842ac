const O_CREAT = 0o100;
/** Of `O_TMPFILE`, without O_DIRECTORY, whose bit differs between architectures. */
const TMPFILE = 0o20000000;

/** Whether an open with these flags may make a file: only then its permissions count. */
export function mayCreate(flags: number): boolean {
  return (flags & (O_CREAT | TMPFILE)) !== 0;
}
