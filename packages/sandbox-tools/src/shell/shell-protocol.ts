/**
 * How the tool talks with a shell that reads commands from its standard input.
 *
 * The shell keeps a copy of its output as descriptor 9. After each command it writes the end marker there: in order
 * with the command's own output, and also when the command has sent the shell's output elsewhere (`exec >file`).
 * Commands do not inherit descriptor 9, and the marker is random for each call; the shell is told it in two halves,
 * so that a shell that echoes what it reads (`set -v`, `set -x`) does not write it.
 */
export const preamble = 'exec 9>&1 2>&1\n';

/** A fresh marker: two halves, neither of which is the marker. */
export type Marker = readonly [string, string];

/**
 * What the shell is to read for one call. `command eval` keeps the shell alive when the command has a syntax error
 * (POSIX: an error in the special built-in `eval` ends a shell).
 *
 * @param stdin - a redirection of the command's standard input, for example `</dev/null`
 */
export function formatRequest(command: string, marker: Marker, stdin: string): string {
  return `command eval ${quote(command)} ${stdin} 9>&-\ncommand printf '%s%s%d\\n' '${marker[0]}' '${marker[1]}' "$?" >&9\n`;
}

/** Quotes a text so that a POSIX shell reads it as one word. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What a {@link MarkerScanner} found in a chunk. */
export interface Scan {
  /** Bytes that are output for certain and were not handed out before. */
  readonly output: Buffer;
  /** Present once the marker has been seen. */
  readonly end?: { readonly exitCode: number; readonly rest: Buffer };
}

const digitsAtMost = 12;

/** Finds the end marker in a stream that arrives in any pieces, and hands out everything before it. */
export class MarkerScanner {
  readonly #marker: Buffer;
  #pending: Buffer = Buffer.alloc(0);

  constructor(marker: Marker) {
    this.#marker = Buffer.from(marker.join(''), 'latin1');
  }

  /** Takes the next bytes. After an `end` the scanner is done. */
  scan(chunk: Uint8Array): Scan {
    const bytes = Buffer.concat([this.#pending, chunk]);
    const at = bytes.indexOf(this.#marker);
    if (at < 0) return this.#keepBack(bytes, Math.max(0, bytes.length - this.#marker.length + 1));
    const after = at + this.#marker.length;
    const newline = bytes.indexOf(10, after);
    if (newline < 0 && bytes.length - after <= digitsAtMost) return this.#keepBack(bytes, at);
    const exitCode = Number(bytes.subarray(after, newline < 0 ? after : newline).toString('latin1'));
    this.#pending = Buffer.alloc(0);
    const rest = bytes.subarray(newline < 0 ? bytes.length : newline + 1);
    return { output: bytes.subarray(0, at), end: { exitCode, rest } };
  }

  /** Gives up: what was held back because it might have been the start of the marker. */
  flush(): Buffer {
    const pending = this.#pending;
    this.#pending = Buffer.alloc(0);
    return pending;
  }

  #keepBack(bytes: Buffer, from: number): Scan {
    this.#pending = Buffer.from(bytes.subarray(from));
    return { output: bytes.subarray(0, from) };
  }
}
