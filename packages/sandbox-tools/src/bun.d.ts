/** What the compiled tool uses of Bun. Under Node these modules do not exist, and `native.ts` does not import them. */
declare module 'bun:ffi' {
  /** The functions of the C library that `native.ts` binds. */
  interface LibC {
    prctl(option: number, a: number, b: number, c: number, d: number): number;
    waitpid(pid: number, status: Int32Array, options: number): number;
    pipe2(ends: Int32Array, flags: number): number;
    signal(number: number, disposition: null): unknown;
    sigprocmask(how: number, set: Uint8Array, old: null): number;
  }
  type Signature = { readonly args: readonly string[]; readonly returns: string };
  export function dlopen(library: string, symbols: Record<keyof LibC, Signature>): { readonly symbols: LibC };
}

declare module 'bun' {
  import type { ReadableStream as WebStream } from 'node:stream/web';
  export function file(descriptor: number): { stream(): WebStream<Uint8Array> };
}
