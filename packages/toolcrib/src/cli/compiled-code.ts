import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Bytes of the digest that stands before what was compiled. */
const DIGEST = 32;

/**
 * What V8 compiled of a text when it was kept; undefined where nothing is, and where it is of another text or damaged:
 * V8 itself looks at no more than the length of the text, and runs whatever it is given.
 * @param path of what is kept.
 */
export function readCompiledCode(path: string, source: Uint8Array): Uint8Array | undefined {
  let kept: Buffer;
  try {
    kept = readFileSync(path);
  } catch {
    return undefined;
  }
  const code = kept.subarray(DIGEST);
  return digestOf(source, code).equals(kept.subarray(0, DIGEST)) ? code : undefined;
}

/**
 * Keeps what V8 compiled of a text, readable and writable by nobody else: who writes it decides what runs. Where it cannot
 * be written nothing is kept. Two that write at once may spoil it, as a crash may; who reads it finds that out.
 */
export function writeCompiledCode(path: string, source: Uint8Array, code: Uint8Array): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, Buffer.concat([digestOf(source, code), code]), { mode: 0o600 });
  } catch {
    // The next command compiles it again.
  }
}

function digestOf(source: Uint8Array, code: Uint8Array): Buffer {
  const { createHash } = process.getBuiltinModule('node:crypto'); // takes 5 ms: --version does without it
  return createHash('sha256').update(source).update(code).digest();
}
