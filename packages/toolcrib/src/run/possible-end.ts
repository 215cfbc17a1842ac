/** The kernel keeps no more of what a process exits with. */
const MAX_EXIT_CODE = 255;
/** Of Linux; other systems have fewer. */
const MAX_SIGNAL = 64;

/** Whether a process can exit with it. */
export function isExitCode(code: number): boolean {
  return Number.isInteger(code) && code >= 0 && code <= MAX_EXIT_CODE;
}

/** Whether a signal has that number: 0 is none. */
export function isSignalNumber(signal: number): boolean {
  return Number.isInteger(signal) && signal >= 1 && signal <= MAX_SIGNAL;
}
