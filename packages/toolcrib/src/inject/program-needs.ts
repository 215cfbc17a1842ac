import { posix } from 'node:path';
import type { Elf } from '../core/elf.ts';
import { hasCode } from '../core/errors.ts';
import { readElf } from '../core/read-elf.ts';
import type { Arch } from '../core/target.ts';
import { BLOCK, paddingOf, rawHeaderFrom } from '../tar/header.ts';
import type { InjectableArtifact } from './artifact.ts';

/** What the program that an artifact starts with needs of the place where it is started. */
export interface ProgramNeeds {
  /** Path in the tree. */
  readonly program: string;
  /** Undefined for a machine that no target has. */
  readonly machine: Arch | undefined;
  /** The loader that the kernel starts for it; undefined when it needs none. */
  readonly interpreter: string | undefined;
  /** Libraries that the tree does not carry, as the program names them. */
  readonly libraries: readonly string[];
  /** Further places where it looks for them, absolute. */
  readonly searchPaths: readonly string[];
  /** Highest version `x.y` of glibc that its symbols need; undefined when none does. */
  readonly glibc: string | undefined;
}

/**
 * Reads what the first program of an artifact needs. One that brings its own loader needs nothing but the machine, for
 * that loader is what is started.
 * @returns undefined when that cannot be told: the program is no ELF file of the tree.
 * @throws what `tar.readAt` throws.
 */
export async function readProgramNeeds(artifact: InjectableArtifact): Promise<ProgramNeeds | undefined> {
  const program = fileOfTree(artifact, artifact.descriptor.entrypoint[0] ?? '');
  const start = program === undefined ? undefined : await findInTar(artifact, program);
  if (program === undefined || start === undefined) return undefined;
  try {
    return needsOf(artifact, program, await readElf((offset, length) => artifact.tar.readAt(start + offset, length)));
  } catch (error) {
    if (hasCode(error, 'MALFORMED')) return undefined;
    throw error;
  }
}

function needsOf(artifact: InjectableArtifact, program: string, elf: Elf): ProgramNeeds {
  const { machine, interpreter, needed, searchPaths, glibcFloor } = elf;
  const carried = new Set(searchPaths.some(isOwn) ? namesIn(artifact) : []);
  const places = searchPaths.filter((path) => path !== '' && !isOwn(path));
  return {
    program,
    machine,
    interpreter,
    // Where a path has variables of the loader, nobody can tell from here what is found there.
    libraries: places.every(isPlain) ? needed.filter((name) => !carried.has(name)) : [],
    searchPaths: places.filter(isPlain),
    glibc: glibcFloor,
  };
}

function isOwn(path: string): boolean {
  return path.startsWith('$ORIGIN') || path.startsWith('${ORIGIN}');
}

function isPlain(path: string): boolean {
  return path.startsWith('/') && !path.includes('$');
}

function namesIn({ tar: { files, links = [] } }: InjectableArtifact): readonly string[] {
  return [...files, ...links].map(({ path }) => posix.basename(path));
}

/** The file of the tree that an element of the entry point leads to. */
function fileOfTree({ tar: { files, links = [] } }: InjectableArtifact, element: string): string | undefined {
  let at = posix.normalize(element);
  for (let step = 0; step <= links.length; step++) {
    if (files.some(({ path }) => path === at)) return at;
    const link = links.find(({ path }) => path === at);
    if (link === undefined) return undefined;
    at = posix.join(posix.dirname(at), link.target);
  }
  return undefined;
}

/**
 * Where in the tar the bytes of a file begin.
 * @returns undefined when no header names it: a name that needs an extended header is not looked for.
 */
async function findInTar({ tar }: InjectableArtifact, path: string): Promise<number | undefined> {
  let at = 0;
  while (at + BLOCK <= tar.size) {
    const header = rawHeaderFrom(await tar.readAt(at, BLOCK));
    if (typeof header === 'string') return undefined;
    at += BLOCK;
    if (header.name === path) return at;
    at += header.size + paddingOf(header.size);
  }
  return undefined;
}
