import { randomBytes } from 'node:crypto';
import { formatIdentity, identityFrom, ownIdentity, type ProcessIdentity } from './process-identity.ts';

const NAME = /^\.toolcrib-(?<identity>.+)-[0-9a-f]{16}\.part$/;

/** A name for a tree that this process writes, which nobody can guess: it has it until it is whole. */
export function unfinishedTreeName(): string {
  return `.toolcrib-${formatIdentity(ownIdentity())}-${randomBytes(8).toString('hex')}.part`;
}

/** Whether {@link unfinishedTreeName} may have made that name. */
export function isUnfinishedTreeName(name: string): boolean {
  return NAME.test(name);
}

/** Who writes the tree of that name; undefined when the name does not tell. */
export function writerOf(name: string): ProcessIdentity | undefined {
  return identityFrom(NAME.exec(name)?.groups?.['identity'] ?? '');
}
