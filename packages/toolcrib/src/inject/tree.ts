import { createDigester, verifyExpected } from '../core/digest.ts';
import { IntegrityError } from '../core/errors.ts';
import { readTar, type TarLimits, type TarMember } from '../tar/read.ts';
import { compareCodePoints, parentsOf } from '../tar/path.ts';
import { writeTar, type TarEntry } from '../tar/write.ts';
import type { InjectableArtifact } from './artifact.ts';

/** Directories of a placement: readable and enterable by all, writable by the owner. */
export const DIRECTORY_MODE = 0o755;

/** A tree must be usable by every user of the sandbox and writable by nobody but its owner. */
export function placedMode(mode: number): number {
  return (mode & 0o111) === 0 ? 0o644 : 0o755;
}

/** What a tar of the artifact may cost; anything more is not the artifact. */
export function limitsOf(artifact: InjectableArtifact): TarLimits {
  const { files, links = [], size } = artifact.tar;
  const directories = directoriesOf(artifact).length;
  return { maxEntries: 2 * (files.length + links.length + directories) + 16, maxEntryBytes: size, maxTotalBytes: size };
}

/** What a tree of an artifact holds: all that it is compared with. */
export interface TreeContent {
  readonly tar: Pick<InjectableArtifact['tar'], 'files' | 'links'>;
}

/** The directories of the tree, each before what it holds. */
export function directoriesOf(artifact: TreeContent): readonly string[] {
  const { files, links = [] } = artifact.tar;
  const all = new Set([...files, ...links].flatMap(({ path }) => parentsOf(path)));
  return [...all].sort(compareCodePoints);
}

/**
 * The artifact's tar as it is, hashed on its way unless that was done before. Its last piece is held back until the whole
 * matched, so that nobody takes other bytes for complete.
 * @param advance told the bytes that passed.
 * @throws IntegrityError `SIZE_MISMATCH`, `DIGEST_MISMATCH`; the signal's reason.
 */
export async function* verifiedTar(
  artifact: InjectableArtifact,
  signal: AbortSignal | undefined,
  advance: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const watched = watchedTar(artifact, signal, advance);
  yield* artifact.tar.isVerified === true ? watched : hashedTar(artifact, watched);
}

async function* watchedTar(
  artifact: InjectableArtifact,
  signal: AbortSignal | undefined,
  advance: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of artifact.tar.open()) {
    signal?.throwIfAborted();
    advance(piece.byteLength);
    yield piece;
  }
}

async function* hashedTar(artifact: InjectableArtifact, tar: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const digester = createDigester();
  let held: Uint8Array | undefined;
  for await (const piece of tar) {
    digester.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  const { size, digest } = artifact.tar;
  const actual = { size: digester.size, digest: digester.finish() };
  verifyExpected(`the unpacked ${artifact.tool} v${artifact.version}`, { size, digest }, actual);
  if (held !== undefined) yield held;
}

/**
 * The files and links of the artifact, in the order of its tar, with the modes that they get in a sandbox.
 * @throws IntegrityError `MALFORMED` when the tar holds anything that is not listed, or not all that is.
 */
export async function* membersOf(
  artifact: InjectableArtifact,
  tar: AsyncIterable<Uint8Array>,
): AsyncGenerator<TarEntry & { readonly bytes: AsyncIterable<Uint8Array> }> {
  const files = new Map(artifact.tar.files.map((file) => [file.path, file]));
  const links = new Map(artifact.tar.links?.map((link) => [link.path, link.target]));
  for await (const member of readTar(tar, limitsOf(artifact), 'the unpacked artifact')) {
    if (member.kind === 'directory') continue;
    const { path, kind, size, bytes, linkTarget } = member;
    const file = files.get(path);
    if (kind === 'file' && file?.size === size) {
      files.delete(path);
      yield { path, kind, size, bytes, mode: placedMode(file.mode) };
    } else if (kind === 'link' && links.get(path) === linkTarget) {
      links.delete(path);
      yield { path, kind, bytes, linkTarget, mode: 0o777 };
    } else throw unlisted(member);
  }
  const missing = [...files.keys(), ...links.keys()][0];
  if (missing !== undefined) {
    throw new IntegrityError('MALFORMED', `the unpacked artifact does not hold ${JSON.stringify(missing)}`);
  }
}

function unlisted(member: TarMember): IntegrityError {
  const path = JSON.stringify(member.path);
  return new IntegrityError('MALFORMED', `the unpacked artifact holds a ${member.kind} ${path} that is not listed`);
}

/**
 * The tar that is sent: an entry for every directory, from the first one that is not there yet, then the tree below
 * the last of them. Owner root, modes normalised.
 * @param below names of the directories to make, outermost first.
 */
export function placementTar(
  artifact: InjectableArtifact,
  below: readonly string[],
  tar: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  return writeTar(placementEntries(artifact, below, tar));
}

async function* placementEntries(
  artifact: InjectableArtifact,
  below: readonly string[],
  tar: AsyncIterable<Uint8Array>,
): AsyncGenerator<TarEntry> {
  const base = below.join('/');
  const made = below.map((_, index) => below.slice(0, index + 1).join('/'));
  for (const path of [...made, ...directoriesOf(artifact).map((name) => `${base}/${name}`)]) {
    yield { path, kind: 'directory', mode: DIRECTORY_MODE };
  }
  for await (const member of membersOf(artifact, tar)) yield { ...member, path: `${base}/${member.path}` };
}
