import { UsageError } from './errors.ts';

/** Processor architectures in Docker's and Debian's words. */
export type Arch = 'amd64' | 'arm64';

/** The C library that an artifact needs from the sandbox; `any` needs nothing. */
export type Libc = 'glibc' | 'musl' | 'any';

/** What an artifact runs on. The operating system is Linux. */
export interface Target {
  readonly arch: Arch;
  readonly libc: Libc;
}

export const ARCHES: readonly Arch[] = ['amd64', 'arm64'];
export const LIBCS: readonly Libc[] = ['glibc', 'musl', 'any'];

/** Every target in its written form, in the order of the documents. */
export const TARGET_NAMES: readonly string[] = ARCHES.flatMap((arch) =>
  LIBCS.map((libc) => formatTarget({ arch, libc })),
);

/** `amd64` (glibc), `amd64-musl`, `amd64-any`: formats.md 1. */
export function formatTarget(target: Target): string {
  return target.libc === 'glibc' ? target.arch : `${target.arch}-${target.libc}`;
}

/** Undefined when the text is not a target. */
export function targetFrom(text: string): Target | undefined {
  const arch = ARCHES.find((name) => text === name || text.startsWith(`${name}-`));
  if (arch === undefined) return undefined;
  if (text === arch) return { arch, libc: 'glibc' };
  const rest = text.slice(arch.length + 1);
  return rest === 'musl' || rest === 'any' ? { arch, libc: rest } : undefined;
}

/** @throws UsageError `TARGET_INVALID` naming the targets there are. */
export function parseTarget(text: string): Target {
  const target = targetFrom(text);
  if (target !== undefined) return target;
  throw new UsageError('TARGET_INVALID', `unknown target ${JSON.stringify(text)}`, {
    hint: `a target is one of ${TARGET_NAMES.join(', ')}`,
  });
}

export function isSameTarget(a: Target, b: Target): boolean {
  return a.arch === b.arch && a.libc === b.libc;
}

/** The architecture of a Node process (`process.arch`), an engine (`x86_64`) or an image (`amd64`). */
export function archFrom(name: string): Arch | undefined {
  if (['amd64', 'x86_64', 'x64', 'x86-64'].includes(name)) return 'amd64';
  if (['arm64', 'aarch64', 'arm64v8', 'arm64/v8'].includes(name)) return 'arm64';
  return undefined;
}
