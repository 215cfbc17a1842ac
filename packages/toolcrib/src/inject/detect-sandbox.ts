import { ELF_HEAD_BYTES, elfHeadFrom, type ElfHead } from '../core/elf.ts';
import { archFrom, type Arch } from '../core/target.ts';
import type { SandboxReader, Sandbox } from '../sandboxes/sandbox.ts';
import { findFile } from './find-file.ts';
import { readSmallFile } from './small-file.ts';

/** What a sandbox can run, found without executing anything in it. */
export interface SandboxFacts {
  /** Undefined when it is another architecture than those of targets. */
  readonly arch: Arch | undefined;
  /** The C library that its own programs use. */
  readonly libc: 'glibc' | 'musl' | 'none';
  /** What that was read from, for people. */
  readonly evidence: readonly string[];
}

interface Loader {
  readonly path: string;
  readonly libc: 'glibc' | 'musl';
}

const LOADERS: readonly Loader[] = [
  { path: '/lib64/ld-linux-x86-64.so.2', libc: 'glibc' },
  { path: '/lib/ld-linux-aarch64.so.1', libc: 'glibc' },
  { path: '/lib/ld-musl-x86_64.so.1', libc: 'musl' },
  { path: '/lib/ld-musl-aarch64.so.1', libc: 'musl' },
];
const PROGRAMS = ['/bin/sh', '/bin/busybox', '/usr/bin/env'];

/**
 * Detects architecture and libc from the engine's word and from files read through it. An ELF file that is there
 * outweighs the engine: imported images carry the architecture of the machine that imported them. A sandbox that lies
 * only makes its own health check fail.
 * @throws as `Sandbox.stat` and `Sandbox.readTar`.
 */
export async function detectSandbox(sandbox: Sandbox): Promise<SandboxFacts> {
  const said = sandbox.identity.arch;
  const found = await presentLoaders(sandbox);
  const program = found.length === 1 ? undefined : await firstProgram(sandbox, PROGRAMS);
  const loader = found.length === 1 ? found[0] : found.find(({ path }) => path === program?.facts.interpreter);
  const head = loader === undefined ? program : ((await readElf(sandbox, loader.path)) ?? program);
  const evidence = [
    toldArch(sandbox),
    ...(head === undefined
      ? ['no program was found to look at']
      : [`${head.path} is for ${head.facts.machine ?? 'another machine'}`]),
    loader === undefined ? 'no dynamic loader is used' : `${loader.path} is the loader`,
  ];
  const byEngine = said === undefined ? undefined : archFrom(said);
  return { arch: head === undefined ? byEngine : head.facts.machine, libc: loader?.libc ?? 'none', evidence };
}

/** Who tells the architecture, and what. */
function toldArch({ identity, uploader }: Sandbox): string {
  const { arch, isolation } = identity;
  if (isolation !== undefined && arch !== undefined) return `this machine is ${arch}`;
  const who = uploader === undefined ? 'the engine' : 'the sandbox';
  return arch === undefined ? `${who} does not tell the architecture` : `${who} says ${arch}`;
}

async function presentLoaders(sandbox: SandboxReader): Promise<readonly Loader[]> {
  const files = await Promise.all(LOADERS.map(({ path }) => findFile(sandbox, path)));
  return LOADERS.filter((_, index) => files[index] !== undefined);
}

interface ElfFile {
  readonly path: string;
  readonly facts: ElfHead;
}

async function firstProgram(sandbox: SandboxReader, paths: readonly string[]): Promise<ElfFile | undefined> {
  for (const path of paths) {
    const found = await readElf(sandbox, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function readElf(sandbox: SandboxReader, path: string): Promise<ElfFile | undefined> {
  const file = await findFile(sandbox, path);
  const head = file === undefined ? undefined : await readSmallFile(sandbox, file.path, ELF_HEAD_BYTES);
  const facts = head === undefined ? undefined : elfHeadFrom(head);
  return facts && { path, facts };
}
