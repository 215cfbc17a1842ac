import { createDigester, verifyExpected, type Digest } from '../core/digest.ts';
import { hasCode, IntegrityError, NotFoundError } from '../core/errors.ts';
import { MAX_OCI_JSON_BYTES, type OciFile } from '../core/oci-release.ts';
import { readCopies } from '../disk/digest-file.ts';
import { readTar, type TarMember } from '../tar/read.ts';
import type { OpenedBundle } from './bundle-content.ts';
import { blobDigestOf, DIRECTORIES, INDEX_FILE, LAYOUT_FILE } from './image-layout.ts';
import { interpretLayout, type LayoutMember } from './interpret-layout.ts';
import { BUNDLE_LIMITS, MAX_HELD_BYTES } from './limits.ts';

/** An artifact on its way out of a bundle. */
export interface ReadArtifact {
  readonly file: OciFile;
  /** Unverified: whoever reads compares them with the digest. Read them before the next artifact is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

interface Options {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a bundle once from end to end and makes sure that it is whole: the layout of exactly one release, every member
 * what its name and its descriptor say, nothing else beside. Of artifacts only the size is compared: their bytes are, when
 * {@link readArtifacts} hands them out.
 * @param path of a file; a pipe is refused.
 * @throws IntegrityError `MALFORMED`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `TOO_LARGE` naming bundle and member;
 * NotFoundError `NOT_FOUND`; RemoteError `STORAGE`; the signal's reason.
 */
export async function openBundle(path: string, options: Options = {}): Promise<OpenedBundle> {
  const members = new Map<string, LayoutMember>();
  let held = 0;
  for await (const member of membersOf(path, options)) {
    const bytes = member.size <= MAX_OCI_JSON_BYTES ? await collect(member) : undefined;
    held += bytes?.byteLength ?? 0;
    if (held > MAX_HELD_BYTES) {
      throw new IntegrityError('TOO_LARGE', `${path} has small members with more than ${MAX_HELD_BYTES} bytes`, {
        hint: 'that is no bundle of a release',
      });
    }
    members.set(member.path, { size: member.size, bytes });
  }
  try {
    return interpretLayout(members, path);
  } catch (error) {
    throw explained(error, path, true);
  }
}

/**
 * Reads the artifacts of an opened bundle, in the order in which they come.
 * @throws as {@link openBundle}; `MALFORMED` also when an artifact that was there before is not.
 */
export async function* readArtifacts(
  path: string,
  { artifacts }: Pick<OpenedBundle, 'artifacts'>,
  options: Options = {},
): AsyncGenerator<ReadArtifact> {
  const wanted = new Map<Digest | undefined, OciFile>(artifacts.map((file) => [file.digest, file]));
  for await (const member of membersOf(path, options)) {
    const digest = blobDigestOf(member.path);
    const file = wanted.get(digest);
    if (file === undefined) continue;
    wanted.delete(digest);
    yield { file, bytes: verifiedAtTheEnd(member.bytes, file, `${file.name} in ${path}`) };
  }
  const [missing] = wanted.values();
  if (missing !== undefined)
    throw malformed(path, missing.name, 'is not there any more: it was changed while it was read');
}

async function* membersOf(path: string, options: Options): AsyncGenerator<TarMember> {
  let isBundle = false;
  try {
    for await (const member of layoutMembersOf(path, options)) {
      isBundle = true;
      yield member;
    }
  } catch (error) {
    throw explained(error, path, isBundle);
  }
}

/** What a reader of archives says of any archive, in words about this one. */
function explained(error: unknown, path: string, isBundle: boolean): unknown {
  if (hasCode(error, 'NOT_FOUND'))
    return new NotFoundError('NOT_FOUND', `there is no bundle at ${path}`, { hint: MAKE_ONE, cause: error });
  if (hasCode(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH')) {
    const { code, message, details } = error;
    return new IntegrityError(code, message, { hint: COPY_AGAIN, details, cause: error });
  }
  if (!hasCode(error, 'MALFORMED') || error.hint !== undefined) return error;
  const message = isBundle ? error.message : `${path} is no bundle`;
  return new IntegrityError('MALFORMED', message, { hint: isBundle ? COPY_AGAIN : MAKE_ONE, cause: error });
}

const MAKE_ONE = '"toolcrib bundle create -o FILE" makes one: name that file';
const COPY_AGAIN = 'it was damaged on its way: copy it again, and compare its digest with what "bundle create" printed';

async function* layoutMembersOf(path: string, { signal }: Options): AsyncGenerator<TarMember> {
  for await (const member of readTar(readCopies(path, { signal }), BUNDLE_LIMITS, path)) {
    if (member.kind === 'directory' && DIRECTORIES.includes(member.path)) continue;
    if (member.kind !== 'file') throw malformed(path, member.path, `is a ${member.kind}, which no bundle has`);
    if (![LAYOUT_FILE, INDEX_FILE].includes(member.path) && blobDigestOf(member.path) === undefined) {
      throw malformed(path, member.path, 'is no member of a bundle');
    }
    yield member;
  }
}

async function collect(member: TarMember): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of member.bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Whoever reads to the end has read the right bytes, or gets an error instead of the end. */
async function* verifiedAtTheEnd(
  bytes: AsyncIterable<Uint8Array>,
  file: OciFile,
  what: string,
): AsyncGenerator<Uint8Array> {
  const digester = createDigester();
  for await (const piece of bytes) {
    digester.update(piece);
    yield piece;
  }
  try {
    verifyExpected(what, file, { size: digester.size, digest: digester.finish() });
  } catch (error) {
    throw explained(error, what, true);
  }
}

function malformed(path: string, member: string, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${path}: ${JSON.stringify(member.slice(0, 300))} ${what}`, {
    hint: 'the bundle was damaged, or it is none: "toolcrib bundle create" makes one',
  });
}
