import { createReadStream, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { DESCRIPTOR_NAME, parseArtifactDescriptor } from '../core/artifact-descriptor.ts';
import { formatArtifactName, type ArtifactName } from '../core/artifact-name.ts';
import { parseElf, type Elf } from '../core/elf.ts';
import { CheckError } from '../core/errors.ts';
import { formatTarget } from '../core/target.ts';
import { onDisk } from '../disk/storage-error.ts';
import { gunzip, readTar, type TarMember } from '../tar/read.ts';
import { verifyElf, verifyTreeElfs, type TreeElf } from './check-elf.ts';

/** What a checked output is. */
export interface CheckedOutput {
  readonly kind: 'elf' | 'tree';
  /** Highest glibc version that is needed of the sandbox; null when none is. */
  readonly glibcFloor: string | null;
}

/** Generous for a tool with its runtime; a bomb is above. In bytes. */
const LIMITS = { maxEntries: 100_000, maxEntryBytes: 2 * 1024 ** 3, maxTotalBytes: 4 * 1024 ** 3 };
const MAX_DESCRIPTOR_BYTES = 64 * 1024;

/**
 * Looks at what a driver made before it is called an artifact.
 * @param entrypoint of the configuration, for trees without a descriptor.
 * @throws CheckError `BUILD_FAILED` when it is not what its name says; IntegrityError for a damaged file.
 */
export async function checkOutput(
  path: string,
  name: ArtifactName,
  entrypoint: readonly string[],
): Promise<CheckedOutput> {
  const handle = await onDisk('open', path, () => open(path, 'r'));
  try {
    const magic = (await handle.read(Buffer.alloc(4), 0, 4, 0)).buffer.toString('latin1');
    const label = formatArtifactName(name);
    if (magic === '\x7fELF') {
      return { kind: 'elf', glibcFloor: verifyElf(label, elfOfFile(handle), name.target) };
    }
    if (!magic.startsWith('\x1f\x8b')) {
      throw failed(`${label} is neither an ELF executable nor a gzipped tar`, 'write one of both to $TOOLCRIB_OUTPUT');
    }
    return { kind: 'tree', glibcFloor: await checkTree(path, name, entrypoint) };
  } finally {
    await handle.close();
  }
}

/** The tables of an executable are few bytes of many: they are read one by one. */
function elfOfFile({ fd }: FileHandle): Elf {
  return parseElf((offset, length) => {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
  });
}

const elfOf = (bytes: Uint8Array): Elf => parseElf((offset, length) => bytes.subarray(offset, offset + length));

async function checkTree(path: string, name: ArtifactName, entrypoint: readonly string[]): Promise<string | null> {
  const label = formatArtifactName(name);
  const elfs: TreeElf[] = [];
  const modes = new Map<string, number>();
  let start = entrypoint;
  const tar = gunzip(createReadStream(path), LIMITS.maxTotalBytes + 1024 ** 3, label);
  for await (const member of readTar(tar, LIMITS, label)) {
    if (member.kind === 'link') verifyLink(label, member);
    if (member.kind !== 'file') continue;
    modes.set(member.path, member.mode);
    const bytes = await elfBytes(member);
    if (bytes !== undefined) elfs.push({ path: member.path, elf: elfOf(bytes) });
    if (member.path === DESCRIPTOR_NAME) start = await entrypointOf(member, name);
  }
  verifyEntrypoint(label, start, modes, elfs, name);
  return verifyTreeElfs(label, elfs, name.target);
}

/** All of a member when it is an ELF file; the descriptor is left to be read. */
async function elfBytes(member: TarMember): Promise<Buffer | undefined> {
  if (member.path === DESCRIPTOR_NAME) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of member.bytes) {
    if (
      chunks.length === 0 &&
      chunk.byteLength >= 4 &&
      Buffer.from(chunk.subarray(0, 4)).toString('latin1') !== '\x7fELF'
    )
      return undefined;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  return bytes.toString('latin1', 0, 4) === '\x7fELF' ? bytes : undefined;
}

async function entrypointOf(member: TarMember, name: ArtifactName): Promise<readonly string[]> {
  const where = `${formatArtifactName(name)}: ${DESCRIPTOR_NAME}`;
  if (member.size > MAX_DESCRIPTOR_BYTES) throw failed(`${where} has ${member.size} bytes`, 'it is a small JSON file');
  const chunks: Uint8Array[] = [];
  for await (const chunk of member.bytes) chunks.push(chunk);
  const descriptor = parseArtifactDescriptor(Buffer.concat(chunks).toString('utf8'), where);
  const { tool, version, target } = descriptor;
  if (tool === name.tool && version === name.version && target === formatTarget(name.target)) {
    return descriptor.entrypoint;
  }
  throw failed(
    `${where} speaks of ${tool} v${version} for ${target}`,
    'write it from TOOLCRIB_VERSION and its siblings',
  );
}

/** A link of a tree stays in the tree, wherever the tree is put. */
function verifyLink(label: string, member: TarMember): void {
  const depth = member.path.split('/').length - 1;
  const parts = member.linkTarget.split('/');
  let height = depth;
  for (const part of parts) {
    if (part === '..') height -= 1;
    else if (part !== '' && part !== '.') height += 1;
    if (height < 0 || parts[0] === '') {
      throw failed(`${label}: the link ${member.path} leads out of the tree, to ${member.linkTarget}`, 'leave it out');
    }
  }
}

function verifyEntrypoint(
  label: string,
  entrypoint: readonly string[],
  modes: ReadonlyMap<string, number>,
  elfs: readonly TreeElf[],
  name: ArtifactName,
): void {
  const program = entrypoint[0];
  const mode = modes.get(program ?? '');
  if (program === undefined || mode === undefined || (mode & 0o111) === 0) {
    throw failed(
      `${label}: the entry point ${JSON.stringify(program ?? '')} is no executable file of the tree`,
      `put a ${DESCRIPTOR_NAME} at the tree's root, or set "entrypoint" in toolcrib.json`,
    );
  }
  if (name.target.libc !== 'any') return;
  const elf = elfs.find(({ path }) => path === program)?.elf;
  if (elf !== undefined && elf.interpreter === undefined && elf.needed.length === 0) return;
  throw failed(
    `${label}: the entry point ${program} needs a loader or an interpreter of the sandbox`,
    'start a carried loader, or a static executable',
  );
}

function failed(message: string, hint: string): CheckError {
  return new CheckError('BUILD_FAILED', message, { hint });
}
