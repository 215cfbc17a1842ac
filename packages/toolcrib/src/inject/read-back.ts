import { createDigester } from '../core/digest.ts';
import { hasCode, messageOf, SandboxError } from '../core/errors.ts';
import type { NamespaceMember } from '../sandboxes/sandbox.ts';
import { readTar, type TarMember } from '../tar/read.ts';
import type { InjectableArtifact, InjectableFile } from './artifact.ts';
import { DIRECTORY_MODE, directoriesOf, limitsOf, placedMode, type TreeContent } from './tree.ts';

/** What a tree is compared with. */
export interface ReadBack {
  readonly artifact: InjectableArtifact;
  /** Name of the placement's directory, with which every name in the tar begins. */
  readonly name: string;
  /** The tar as it was read from the sandbox; undefined when nothing is there. */
  readonly tar: AsyncIterable<Uint8Array> | undefined;
  /** Uid that everything must belong to; undefined where the sandbox's own user placed it. */
  readonly owner: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Proves that a tree read back is the artifact: every file's digest, size, mode and owner, every directory's mode and
 * owner, nothing more, nothing less, no link in place of a file.
 * @throws SandboxError `NOT_INJECTABLE` naming the first difference; the signal's reason.
 */
export async function verifyReadBack(readBack: ReadBack): Promise<void> {
  const { artifact, name, tar } = readBack;
  if (tar === undefined) throw differs(`nothing is there to read back`);
  const members = below(name, readTar(tar, limitsOf(artifact), 'what was read back'));
  try {
    await verifyMembers({ ...readBack, members });
  } catch (error) {
    // The sandbox is hostile: a tar that cannot be read is a difference like any other, and not a mistake of a store.
    if (hasCode(error, 'MALFORMED', 'TOO_LARGE')) throw differs(messageOf(error));
    throw error;
  }
}

/** What a tree's entries are compared with. */
export interface MembersRead extends Pick<ReadBack, 'owner' | 'signal'> {
  readonly artifact: TreeContent;
  /** Paths relative to the tree, its own is ''. */
  readonly members: AsyncIterable<NamespaceMember>;
  /** Says that something moved. */
  readonly moved?: () => void;
}

/** @throws as {@link verifyReadBack}. */
export async function verifyMembers({ artifact, members, owner, signal, moved }: MembersRead): Promise<void> {
  const expected = createExpectation(artifact);
  for await (const member of members) {
    signal?.throwIfAborted();
    moved?.();
    if (owner !== undefined && member.uid !== owner) {
      throw differs(`${member.path || 'the tree'} belongs to uid ${member.uid}`);
    }
    await expected.take(member.path, { ...member, bytes: watched(member.bytes, moved) });
  }
  expected.end();
}

async function* watched(bytes: AsyncIterable<Uint8Array>, moved?: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    moved?.();
    yield piece;
  }
}

async function* below(name: string, members: AsyncIterable<TarMember>): AsyncGenerator<NamespaceMember> {
  for await (const member of members) yield { ...member, path: relativeTo(name, member) };
}

function relativeTo(name: string, member: TarMember): string {
  if (member.path === name) return '';
  if (member.path.startsWith(`${name}/`)) return member.path.slice(name.length + 1);
  throw differs(`${JSON.stringify(member.path)} is not below ${name}`);
}

interface Expectation {
  take(path: string, member: NamespaceMember): Promise<void>;
  end(): void;
}

function createExpectation(artifact: TreeContent): Expectation {
  const files = new Map(artifact.tar.files.map((file) => [file.path, file]));
  const links = new Map(artifact.tar.links?.map((link) => [link.path, link.target]));
  const directories = new Set(['', ...directoriesOf(artifact)]);
  return {
    async take(path, member) {
      const file = files.get(path);
      if (member.kind === 'directory' && directories.delete(path)) verifyMode(member, DIRECTORY_MODE);
      else if (member.kind === 'file' && file !== undefined && files.delete(path)) await verifyFile(member, file);
      else if (member.kind !== 'link' || links.get(path) !== member.linkTarget || !links.delete(path)) {
        throw differs(`there is a ${member.kind} ${JSON.stringify(path)} that does not belong there`);
      }
    },
    end() {
      const [missing] = [...directories, ...files.keys(), ...links.keys()];
      if (missing !== undefined) throw differs(`${JSON.stringify(missing)} is missing`);
    },
  };
}

function verifyMode(member: NamespaceMember, mode: number): void {
  if (member.mode === mode) return;
  throw differs(`${member.path || 'the tree'} has mode ${octal(member.mode)}, expected ${octal(mode)}`);
}

async function verifyFile(member: NamespaceMember, file: InjectableFile): Promise<void> {
  verifyMode(member, placedMode(file.mode));
  await verifyContent(file, member.bytes);
}

/**
 * Proves that bytes are those of a file.
 * @throws SandboxError `NOT_INJECTABLE` naming size or digest.
 */
export async function verifyContent(file: InjectableFile, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const digester = createDigester();
  for await (const piece of bytes) {
    digester.update(piece);
    if (digester.size > file.size) break;
  }
  if (digester.size !== file.size) throw differs(`${file.path} does not have ${file.size} bytes`);
  const digest = digester.finish();
  if (digest !== file.digest) throw differs(`${file.path} has digest ${digest}, expected ${file.digest}`);
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}

/** What stands in the sandbox is not what was placed. */
export function differs(what: string): SandboxError {
  return new SandboxError('NOT_INJECTABLE', `reading it back shows that ${what}`);
}
