import { isAtOrBelow } from '../core/below.ts';
import { posix } from 'node:path';
import { compareVersions } from '../core/elf-versions.ts';
import { SandboxError } from '../core/errors.ts';
import { formatTarget, type Arch } from '../core/target.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { InjectableArtifact } from './artifact.ts';
import { lookForFile, type Sighting } from './find-file.ts';
import { findGlibc, glibcDirectories, isMusl, type SandboxGlibc } from './libc-of-sandbox.ts';
import { readProgramNeeds, type ProgramNeeds } from './program-needs.ts';
import { readSmallFile } from './small-file.ts';

const LOADER_CACHE = '/etc/ld.so.cache';
/** In bytes; that of a desktop has some hundred kilobytes. */
const MAX_CACHE_BYTES = 8 * 1024 * 1024;
/** Names that musl takes for itself, whatever stands in the file system: ldso/dynlink.c. */
const OF_MUSL = /^lib(?:c|c\.musl-[a-z0-9_]+|pthread|rt|m|dl|util|xnet)\.so(?:\.\d+)*$/;

/** What came of comparing what an artifact needs with what a sandbox has. */
export interface GateVerdict {
  /** What is surely missing, for people; empty when nothing is, or nobody can tell. */
  readonly missing: readonly string[];
  /** What was compared, or why nothing was. */
  readonly reason: string;
}

/**
 * Demands that nothing is missing in a sandbox that an artifact cannot start without.
 * @throws SandboxError `NO_TARGET_FITS` naming what is missing; as {@link judgeArtifact}.
 */
export async function verifyNeeds(sandbox: Sandbox, artifact: InjectableArtifact): Promise<void> {
  const { missing } = await judgeArtifact(sandbox, artifact);
  if (missing.length === 0) return;
  const { tool, version } = artifact;
  const target = formatTarget(artifact.target);
  const anywhere = formatTarget({ arch: artifact.target.arch, libc: 'any' });
  throw new SandboxError(
    'NO_TARGET_FITS',
    `${tool} v${version} for ${target} cannot start in ${sandbox.reference}: ${missing.join('; ')}`,
    {
      hint: `nothing was sent; the target ${anywhere} would work, because it needs nothing of the sandbox`,
      details: { sandbox: sandbox.reference, target, missing },
    },
  );
}

/**
 * Compares what the first program of an artifact needs (machine, loader, libraries, version of glibc) with the files of
 * a sandbox. Nothing is executed, nothing is written. Missing is only what is surely missing: where nobody can tell, the
 * health check decides.
 * @throws as `Sandbox.stat` and `Sandbox.readTar`; what `artifact.tar.readAt` throws.
 */
export async function judgeArtifact(sandbox: Sandbox, artifact: InjectableArtifact): Promise<GateVerdict> {
  const needs = await readProgramNeeds(artifact);
  if (needs === undefined)
    return { missing: [], reason: 'its entry point is no ELF file of the tree: nothing was compared' };
  const { arch } = artifact.target;
  if (needs.machine !== arch) {
    return {
      missing: [`${needs.program} is for ${needs.machine ?? 'another machine'}, not for ${arch}`],
      reason: needsText(needs),
    };
  }
  return { missing: await findMissing(sandbox, needs, arch), reason: needsText(needs) };
}

function needsText(needs: ProgramNeeds): string {
  const { program, interpreter, glibc, libraries } = needs;
  if (interpreter === undefined) return `${program} needs no loader of the sandbox`;
  const more = [...(glibc === undefined ? [] : [`GLIBC_${glibc}`]), ...libraries];
  return `${program} needs ${[interpreter, ...more].join(', ')}`;
}

async function findMissing(sandbox: Sandbox, needs: ProgramNeeds, arch: Arch): Promise<readonly string[]> {
  const { interpreter } = needs;
  // Programs of a local sandbox see the whole machine, and not what is looked at here.
  if (interpreter === undefined || sandbox.programPath('/') !== '/') return [];
  const loader = await look(sandbox, interpreter);
  if (loader.kind !== 'file') return loader.kind === 'absent' ? [`the loader ${interpreter} is not there`] : [];
  const directories = [...needs.searchPaths, posix.dirname(loader.path)];
  return isMusl(interpreter)
    ? await missingForMusl(sandbox, needs, directories)
    : await missingForGlibc(sandbox, needs, arch, directories);
}

async function missingForGlibc(
  sandbox: Sandbox,
  needs: ProgramNeeds,
  arch: Arch,
  own: readonly string[],
): Promise<readonly string[]> {
  const directories = [...new Set([...own, ...glibcDirectories(arch)])];
  const libc = await findGlibc(sandbox, arch, directories);
  // A libc that lies elsewhere belongs to a loader that looks elsewhere.
  if (libc === undefined) return [];
  const absent = await absentIn(sandbox, directories, librariesBeside(needs));
  const listed = absent.length === 0 ? [] : await listedIn(sandbox, absent);
  return [...tooOld(libc, needs.glibc), ...absent.filter((name) => !listed.includes(name)).map(notThere)];
}

function tooOld({ path, version }: SandboxGlibc, needed: string | undefined): readonly string[] {
  if (needed === undefined || version === undefined || compareVersions(version, needed) >= 0) return [];
  return [`it needs GLIBC_${needed}, ${path} there is ${version}`];
}

/** musl is its own loader; where it looks for other libraries stands in a file, if anywhere: ldso/dynlink.c. */
async function missingForMusl(
  sandbox: Sandbox,
  needs: ProgramNeeds,
  own: readonly string[],
): Promise<readonly string[]> {
  const paths = `/etc/${posix.basename(needs.interpreter ?? '').replace(/\.so\.\d+$/, '')}.path`;
  if ((await look(sandbox, paths)).kind !== 'absent') return [];
  const directories = [...new Set([...own, '/lib', '/usr/local/lib', '/usr/lib'])];
  return (await absentIn(sandbox, directories, librariesBeside(needs))).map(notThere);
}

/** Those that stand in none of the directories, surely. */
async function absentIn(
  sandbox: Sandbox,
  directories: readonly string[],
  names: readonly string[],
): Promise<readonly string[]> {
  const absent: string[] = [];
  for (const name of names) if (await isAbsent(sandbox, directories, name)) absent.push(name);
  return absent;
}

async function isAbsent(sandbox: Sandbox, directories: readonly string[], name: string): Promise<boolean> {
  // A name with a slash is a path, from wherever the program is started.
  if (name.includes('/')) return false;
  for (const directory of directories) {
    if ((await look(sandbox, posix.join(directory, name))).kind !== 'absent') return false;
  }
  return true;
}

/** What the loader knows from other directories; everything, when that cannot be read. Source: ldconfig(8). */
async function listedIn(sandbox: Sandbox, names: readonly string[]): Promise<readonly string[]> {
  const cache = await look(sandbox, LOADER_CACHE);
  if (cache.kind === 'absent') return [];
  const small = cache.kind === 'file' && cache.size <= MAX_CACHE_BYTES;
  const bytes = small ? await readSmallFile(sandbox, cache.path, MAX_CACHE_BYTES) : undefined;
  return bytes === undefined ? names : names.filter((name) => bytes.includes(`${name}\0`));
}

/** A tmpfs of the sandbox hides what an engine finds below it. */
async function look(sandbox: Sandbox, path: string): Promise<Sighting> {
  const hidden = sandbox.identity.mounts.some((mount) => mount.kind === 'tmpfs' && isAtOrBelow(path, mount.path));
  return hidden ? { kind: 'unknown' } : await lookForFile(sandbox, path);
}

function librariesBeside({ interpreter = '', libraries }: ProgramNeeds): readonly string[] {
  const own = isMusl(interpreter) ? OF_MUSL : /^libc\.so\.6$/;
  return libraries.filter((name) => name !== posix.basename(interpreter) && !own.test(name));
}

function notThere(library: string): string {
  return `the library ${library} is not there`;
}
