import { dirname, join } from 'node:path/posix';
import { DESCRIPTOR_NAME, parseArtifactDescriptor, type ArtifactDescriptor } from '../core/artifact-descriptor.ts';
import { createDigester, type Digest } from '../core/digest.ts';
import { IntegrityError } from '../core/errors.ts';
import { readVerified } from '../disk/digest-file.ts';
import { gunzip, readTar, type TarLimits, type TarMember } from '../tar/read.ts';
import { writeTar, type TarEntry } from '../tar/write.ts';
import type { UnpackedEntry } from './unpacked-record.ts';

/** A file that holds an artifact. */
export interface ArtifactFile {
  /** Absolute. */
  readonly path: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** Name of the tool: a bare executable becomes `bin/<tool>`. */
  readonly tool: string;
}

/** What was learned of an artifact while its tar was written; complete when the tar is. */
export interface Inventory {
  readonly entries: UnpackedEntry[];
  descriptor: ArtifactDescriptor | null;
  bare: boolean;
}

/** Bytes above which no artifact is unpacked. */
export const MAX_UNPACKED_BYTES = 2 * 1024 ** 3;
const LIMITS: TarLimits = { maxEntries: 20_000, maxEntryBytes: MAX_UNPACKED_BYTES, maxTotalBytes: MAX_UNPACKED_BYTES };
const MAX_DESCRIPTOR_BYTES = 64 * 1024;

const EXECUTABLE = 0o755;
const READABLE = 0o644;

export function createInventory(): Inventory {
  return { entries: [], descriptor: null, bare: false };
}

/**
 * The tar that goes into sandboxes: plain, owner root, writable by nobody else, an entry for every directory. The
 * artifact's digest is checked while it is read. Same artifact, same bytes.
 * @param inventory is filled while the bytes flow.
 * @throws IntegrityError `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `MALFORMED` (neither executable nor gzipped tar, unsafe
 * members, a broken descriptor), `TOO_LARGE`; NotFoundError `NOT_FOUND`; RemoteError `STORAGE`; the signal's reason.
 */
export async function* unpackArtifact(
  artifact: ArtifactFile,
  inventory: Inventory,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const kind = await artifactKind(artifact, signal);
  inventory.bare = kind === 'elf';
  const tree = kind === 'elf' ? bareTree(artifact, signal) : normalisedTree(artifact, signal);
  yield* writeTar(recorded(tree, inventory, artifact.path));
}

async function artifactKind(artifact: ArtifactFile, signal: AbortSignal | undefined): Promise<'elf' | 'gzip'> {
  for await (const piece of artifactBytes(artifact, signal)) {
    const start = Buffer.from(piece.subarray(0, 4)).toString('latin1');
    if (start === '\x7fELF') return 'elf';
    if (start.startsWith('\x1f\x8b')) return 'gzip';
    break;
  }
  throw new IntegrityError('MALFORMED', `${artifact.path} is neither an ELF executable nor a gzipped tar`, {
    hint: 'an artifact is one of the two; check what the build put out',
    details: { path: artifact.path, digest: artifact.digest },
  });
}

function artifactBytes(artifact: ArtifactFile, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  return readVerified(artifact.path, { digest: artifact.digest, size: artifact.size }, { signal });
}

function* bareTree(artifact: ArtifactFile, signal: AbortSignal | undefined): Generator<TarEntry> {
  yield { path: 'bin', kind: 'directory', mode: EXECUTABLE };
  const { tool, size } = artifact;
  yield { path: `bin/${tool}`, kind: 'file', mode: EXECUTABLE, size, bytes: artifactBytes(artifact, signal) };
}

/** The members of a gzipped tar in its order, each directory once and before what it holds. */
async function* normalisedTree(artifact: ArtifactFile, signal: AbortSignal | undefined): AsyncGenerator<TarEntry> {
  const made = new Set(['.']);
  const hardLinks: TarMember[] = [];
  for await (const member of membersOf(artifact, signal)) {
    yield* missingDirectories(member.kind === 'directory' ? member.path : dirname(member.path), made);
    if (member.kind === 'hardlink') hardLinks.push(member);
    else if (member.kind === 'link') yield linkEntry(member, artifact.path);
    else if (member.kind === 'file') yield fileEntry(member.path, member);
  }
  yield* copiesFor(hardLinks, artifact, signal);
}

function membersOf(artifact: ArtifactFile, signal: AbortSignal | undefined): AsyncGenerator<TarMember> {
  const bytes = gunzip(artifactBytes(artifact, signal), 2 * MAX_UNPACKED_BYTES, artifact.path);
  return readTar(bytes, LIMITS, artifact.path);
}

function* missingDirectories(path: string, made: Set<string>): Generator<TarEntry> {
  if (made.has(path)) return;
  yield* missingDirectories(dirname(path), made);
  made.add(path);
  yield { path, kind: 'directory', mode: EXECUTABLE };
}

function fileEntry(path: string, member: TarMember): TarEntry {
  const mode = (member.mode & 0o111) === 0 ? READABLE : EXECUTABLE;
  return { path, kind: 'file', mode, size: member.size, bytes: member.bytes };
}

function linkEntry(member: TarMember, archive: string): TarEntry {
  const { path, linkTarget } = member;
  const leadsTo = join(dirname(path), linkTarget);
  if (!linkTarget.startsWith('/') && leadsTo !== '..' && !leadsTo.startsWith('../')) {
    return { path, kind: 'link', mode: 0o777, linkTarget };
  }
  throw new IntegrityError('MALFORMED', `${archive}: ${JSON.stringify(path)} is a link out of the tree`, {
    hint: 'build it again with links that lead to places in it',
    details: { path: archive, member: path, linkTarget },
  });
}

/** A hard link becomes a file of its own, for which the artifact is read once more. */
async function* copiesFor(
  links: readonly TarMember[],
  artifact: ArtifactFile,
  signal: AbortSignal | undefined,
): AsyncGenerator<TarEntry> {
  const targets = new Map(links.map((link) => [link.path, link.linkTarget]));
  const originalOf = (path: string): string => {
    const target = targets.get(path);
    return target === undefined ? path : originalOf(target);
  };
  for (const link of links) {
    const original = originalOf(link.path);
    // To its end, so that all of it is verified again.
    for await (const member of membersOf(artifact, signal)) {
      if (member.path === original) yield fileEntry(link.path, member);
    }
  }
}

/** Writes down what passes by. */
async function* recorded(
  tree: Iterable<TarEntry> | AsyncIterable<TarEntry>,
  inventory: Inventory,
  archive: string,
): AsyncGenerator<TarEntry> {
  for await (const entry of tree) {
    if (entry.kind === 'file') {
      const tap = createTap(entry);
      yield { ...entry, bytes: tap.bytes };
      // The writer asks for the next entry when it has written this one.
      inventory.entries.push(tap.finish());
      if (entry.path === DESCRIPTOR_NAME) inventory.descriptor = descriptorFrom(tap.start(), archive);
    } else {
      inventory.entries.push(recordOf(entry));
      yield entry;
    }
  }
}

function recordOf(entry: TarEntry): UnpackedEntry {
  const { path, mode, linkTarget = '' } = entry;
  return entry.kind === 'link' ? { kind: 'link', path, target: linkTarget } : { kind: 'directory', path, mode };
}

interface Tap {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The first bytes, as many as a descriptor may have and one more. */
  start(): Uint8Array;
  finish(): UnpackedEntry;
}

function createTap(entry: TarEntry): Tap {
  const { path, mode, size = 0, bytes = [] } = entry;
  const digester = createDigester();
  const kept: Uint8Array[] = [];
  return {
    bytes: (async function* () {
      for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
        if (digester.size <= MAX_DESCRIPTOR_BYTES && path === DESCRIPTOR_NAME) kept.push(new Uint8Array(piece));
        digester.update(piece);
        yield piece;
      }
    })(),
    start: () => Buffer.concat(kept).subarray(0, MAX_DESCRIPTOR_BYTES + 1),
    finish: () => ({ kind: 'file', path, mode, size, digest: digester.finish() }),
  };
}

function descriptorFrom(bytes: Uint8Array, archive: string): ArtifactDescriptor {
  if (bytes.byteLength <= MAX_DESCRIPTOR_BYTES) {
    return parseArtifactDescriptor(Buffer.from(bytes).toString('utf8'), `${archive}: ${DESCRIPTOR_NAME}`);
  }
  throw new IntegrityError('TOO_LARGE', `${archive}: ${DESCRIPTOR_NAME} has more than ${MAX_DESCRIPTOR_BYTES} bytes`, {
    hint: 'a descriptor holds a few fields (docs/formats.md shows one): build the artifact again',
    details: { path: archive, maxBytes: MAX_DESCRIPTOR_BYTES },
  });
}
