import { mayCreate } from '../open-flags.ts';

/** `sizeof(struct open_how)`. */
const HOW_BYTES = 24;

/** What an open asks for. */
export interface OpenRequest {
  readonly flags: number;
  readonly mode?: number;
  readonly resolve?: number;
}

/** A `struct open_how`; one that could not be read has no flags. */
export function readOpenHow(how: Buffer): OpenRequest {
  if (how.byteLength < HOW_BYTES) return { flags: 0 };
  const [flags = 0, mode = 0] = [0, 8].map((at) => Number(how.readBigUInt64LE(at)));
  const resolve = resolveOf(how);
  return {
    flags,
    ...(mayCreate(flags) ? { mode } : {}),
    ...(resolve === 0 ? {} : { resolve }),
  };
}

/** `RESOLVE_*` of a `struct open_how`. */
export function resolveOf(how: Buffer): number {
  return how.byteLength < HOW_BYTES ? 0 : Number(how.readBigUInt64LE(16));
}
