import { UsageError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { quotedReference, shownReference } from '../core/shown-reference.ts';
import { EXTENSIONS_PATH, type StoredPackId } from '../core/stored-pack.ts';

/**
 * A pack in an extension store: `store://<name>@<version>` (docs/formats.md, "Extensions"). Others' stores have names that
 * ours does not take.
 */
export type StoreRef = StoredPackId;

const SCHEME = 'store://';

/** Characters that end or change a URL's path, or a file's name. */
const UNFIT = /[\p{C}\s?#%\\]/u;
/** In bytes: what the cache makes of it is a file's name, with endings. */
const MAX_LENGTH = 200;

/** @throws UsageError `REFERENCE_INVALID`, quoting the reference. */
export function parseStoreRef(text: string): StoreRef {
  if (!text.startsWith(SCHEME)) throw invalid(text, `must begin with ${SCHEME}`);
  const rest = text.slice(SCHEME.length);
  const at = rest.indexOf('@');
  if (at < 0) throw invalid(text, 'names no version');
  const [name, version] = [rest.slice(0, at), rest.slice(at + 1)];
  if (name.trim() === '') throw invalid(text, 'has a name that must not be empty');
  if (version.trim() === '') throw invalid(text, 'has a version that must not be empty');
  if (version.includes('sha256:')) throw invalid(text, 'names a digest, and stores are asked for versions');
  verifyPart(text, 'name', name);
  verifyPart(text, 'version', version);
  if (Buffer.byteLength(rest) > MAX_LENGTH) throw invalid(text, `has more than ${MAX_LENGTH} bytes`);
  return { name, version };
}

/** The inverse of {@link parseStoreRef}. */
export function formatStoreRef({ name, version }: StoreRef): string {
  return `${SCHEME}${name}@${version}`;
}

/**
 * Where a store has the pack.
 * @param base of the store; slashes at its end do not count.
 */
export function storeArtifactUrl(base: string, { name, version }: StoreRef): string {
  const path = [name, version].map((part) => part.split('/').map(encodeURIComponent).join('/')).join('/');
  return `${base.replace(/\/+$/, '')}${EXTENSIONS_PATH}/${path}/artifact`;
}

/** Both become parts of a URL's path, which must not lead anywhere else. */
function verifyPart(text: string, what: string, part: string): void {
  const segments = part.split('/');
  if (!UNFIT.test(part) && part.isWellFormed() && !segments.some((each) => ['', '.', '..'].includes(each))) return;
  throw invalid(text, `has a ${what} that is no path of a store: ${quoted(part)}`);
}

function invalid(text: string, what: string): UsageError {
  return new UsageError('REFERENCE_INVALID', `the store reference ${quotedReference(text)} ${what}`, {
    hint: `write ${SCHEME}<name>@<version>; "toolcrib ext lock" pins the digest of its bytes`,
    details: { reference: shownReference(text) },
  });
}
