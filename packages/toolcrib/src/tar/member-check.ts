import { IntegrityError } from '../core/errors.ts';
import type { RawHeader } from './header.ts';
import { parentsOf, unsafePathReason } from './path.ts';
import type { TarLimits, TarMember } from './read.ts';

/** Remembers what an archive held so far, and admits what may stand beside it. */
export interface MemberCheck {
  /**
   * @returns undefined for the root itself (`./`), which is passed over.
   * @throws IntegrityError `MALFORMED` or `TOO_LARGE` naming the member.
   */
  admit(kind: TarMember['kind'], header: RawHeader): { path: string; linkTarget: string } | undefined;
}

export function createMemberCheck(limits: TarLimits, what: string): MemberCheck {
  const seen = new Map<string, TarMember['kind']>();
  /** Directories without a member of their own. */
  const implied = new Set<string>();
  let entries = 0;
  let total = 0;

  const verifySizes = (header: RawHeader): void => {
    entries += 1;
    total += header.size;
    if (entries > limits.maxEntries) throw tooLarge(what, `has more than ${limits.maxEntries} members`);
    if (header.size > limits.maxEntryBytes) {
      throw tooLarge(named(what, header.name), `has ${header.size} bytes, more than ${limits.maxEntryBytes}`);
    }
    if (total > limits.maxTotalBytes) {
      throw tooLarge(named(what, header.name), `brings the archive above ${limits.maxTotalBytes} bytes`);
    }
  };

  const verifyPlace = (path: string, kind: TarMember['kind']): void => {
    if (seen.has(path)) throw malformed(named(what, path), 'is there twice');
    if (kind !== 'directory' && implied.has(path))
      throw malformed(named(what, path), 'is a directory and another thing');
    for (const parent of parentsOf(path)) {
      const above = seen.get(parent);
      if (above === undefined) implied.add(parent);
      else if (above !== 'directory') throw malformed(named(what, path), `stands below ${parent}, which is a ${above}`);
    }
    if (implied.size > limits.maxEntries) throw tooLarge(what, `implies more than ${limits.maxEntries} directories`);
  };

  const linkTargetOf = (kind: TarMember['kind'], header: RawHeader): string => {
    if (kind === 'link' && isLinkTarget(header.linkName)) return header.linkName;
    if (kind === 'link') throw malformed(named(what, header.name), 'links to no name');
    if (kind !== 'hardlink') return '';
    const target = safePath(header.linkName, kind, what);
    if (['file', 'hardlink'].includes(seen.get(target ?? '') ?? '')) return target ?? '';
    throw malformed(
      named(what, header.name),
      `is a hard link to ${JSON.stringify(header.linkName.slice(0, 300))}, which is no earlier file`,
    );
  };

  return {
    admit(kind, header) {
      verifySizes(header);
      const path = safePath(header.name, kind, what);
      if (path === undefined) return undefined;
      verifyPlace(path, kind);
      const linkTarget = linkTargetOf(kind, header);
      seen.set(path, kind);
      return { path, linkTarget };
    },
  };
}

function isLinkTarget(text: string): boolean {
  return text !== '' && !text.includes('\0') && text.isWellFormed() && Buffer.byteLength(text) < 4096;
}

/** Without `./` before and, for a directory, `/` after it; undefined for the root. */
function safePath(name: string, kind: TarMember['kind'], what: string): string | undefined {
  const relative = name.replace(/^(?:\.\/+)+/, '');
  const path = kind === 'directory' ? relative.replace(/\/$/, '') : relative;
  if (kind === 'directory' && name !== '' && (path === '' || path === '.') && !name.startsWith('/')) return undefined;
  const reason = unsafePathReason(path);
  if (reason !== undefined) throw malformed(named(what, name), `has an unsafe name: it ${reason}`);
  return path;
}

function named(what: string, path: string): string {
  return `${what}: ${JSON.stringify(path.slice(0, 300))}`;
}

function malformed(where: string, reason: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${where} ${reason}`);
}

function tooLarge(where: string, reason: string): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${where} ${reason}`);
}
