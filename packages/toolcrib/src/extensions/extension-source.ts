import { UsageError } from '../core/errors.ts';
import { parseOciLocation, type OciLocation } from '../core/oci-location.ts';
import { quoted } from '../core/printable.ts';
import { carriesCredentials, shownReference } from '../core/shown-reference.ts';
import { parseStoreRef, type StoreRef } from './store-ref.ts';

const KINDS = ['file', 'http', 'oci', 'repo', 'store'] as const;

/** How a pack's bytes are come by: docs/formats.md, "Extensions". */
export type SourceKind = (typeof KINDS)[number];

/** A source, read. */
export type ExtensionSource =
  | { readonly kind: 'file'; /** Absolute, or relative to the pack's directory. */ readonly path: string }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'oci'; readonly location: OciLocation }
  /** Where it is, `repoBase` says. */
  | { readonly kind: 'repo'; readonly name: string }
  | { readonly kind: 'store'; readonly store: StoreRef };

const FILE = 'file://';
/** A scheme without what follows it: parsers of URLs take such, and may find a password in it. */
const HALF_A_URL = /^(?:https?|oci|repo|store):(?!\/\/)/i;
const FORMS = 'file://, store://, https://, http://, oci://, repo:// or a path';

const NO_CREDENTIALS = 'write the address alone; a rule in "rewrite" of toolcrib.json may carry credentials';

/**
 * The kind of source that a reference names by its scheme.
 * @throws UsageError `REFERENCE_INVALID` for any other scheme, quoting the reference.
 */
export function sourceKindOf(reference: string): SourceKind {
  const text = reference.trim();
  if (HALF_A_URL.test(text.replaceAll(/[\t\n\r]/g, ''))) {
    throw invalid(reference, 'has no // behind its scheme', `write ${FORMS}; a path that begins so begins with ./`);
  }
  const scheme = /^(?<scheme>[^/]*):\/\//.exec(text)?.groups?.['scheme'];
  if (scheme === undefined && !text.includes('://')) return 'file';
  const kind = KINDS.find((each) => each === (scheme === 'https' ? 'http' : scheme));
  if (kind !== undefined) return kind;
  throw invalid(reference, 'has a scheme that is not supported', `write ${FORMS}`);
}

/** True for kinds whose references name something that its owner may move: they need a digest, or say that they know. */
export function mayMove(kind: SourceKind): boolean {
  return kind === 'oci' || kind === 'repo' || kind === 'store';
}

/** @throws UsageError `REFERENCE_INVALID`, quoting the reference. */
export function parseExtensionSource(reference: string): ExtensionSource {
  const text = reference.trim();
  const kind = sourceKindOf(reference);
  if (carriesCredentials(text)) throw invalid(reference, 'carries credentials', NO_CREDENTIALS);
  switch (kind) {
    case 'file':
      return { kind, path: filePath(reference, text) };
    case 'http':
      return { kind, url: httpUrl(reference, text) };
    case 'oci':
      return { kind, location: parseOciLocation(text) };
    case 'repo':
      return { kind, name: text };
    case 'store':
      return { kind, store: parseStoreRef(text) };
  }
}

/** What stands behind `file://` is a path as it is: nothing in it is decoded. */
function filePath(reference: string, text: string): string {
  const path = text.startsWith(FILE) ? text.slice(FILE.length) : text;
  if (path !== '' && !path.includes('\0')) return path;
  throw invalid(reference, 'names no file', 'e.g. file:///srv/packs/http.gtxpack, or packs/http.gtxpack');
}

/** Credentials in it would stand in git. */
function httpUrl(reference: string, text: string): string {
  const url = URL.parse(text);
  if (url === null) throw invalid(reference, 'is no URL', 'e.g. https://example.com/http.gtxpack');
  if (url.username !== '' || url.password !== '') throw invalid(reference, 'carries credentials', NO_CREDENTIALS);
  if (url.hash !== '') throw invalid(reference, 'has a fragment', NO_CREDENTIALS);
  return url.href;
}

function invalid(reference: string, what: string, hint: string): UsageError {
  const shown = shownReference(reference);
  return new UsageError('REFERENCE_INVALID', `the extension source ${quoted(shown)} ${what}`, {
    hint,
    details: { reference: shown },
  });
}
