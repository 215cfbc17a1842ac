import { isDigest, type Digest } from './digest.ts';
import { UsageError } from './errors.ts';
import { quoted } from './printable.ts';
import { carriesCredentials, quotedReference, shownReference } from './shown-reference.ts';
import { parseStoreReference, type StoreReference } from './reference.ts';

/** A repository of a registry. */
export type OciRepository = Extract<StoreReference, { kind: 'oci' }>;

/** One artifact of a repository: `oci://HOST/REPOSITORY[:TAG][@DIGEST][?insecure=true]`. */
export interface OciLocation {
  readonly repository: OciRepository;
  /** Counts only where there is no digest. */
  readonly tag: string | undefined;
  /** Of the manifest. */
  readonly digest: Digest | undefined;
}

/** What `repo://` references stand below: a registry, and what their names begin with there. */
export interface OciBase {
  /** As in a URL, e.g. `oci://images.example.com/team`; without a slash at its end. */
  readonly url: string;
  readonly query: string;
}

const SCHEME = 'oci://';
/** A tag by the OCI distribution specification 1.1, "Pulling manifests". */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** @throws UsageError `REFERENCE_INVALID`, quoting the reference. */
export function parseOciLocation(text: string): OciLocation {
  verifyNoCredentials(text);
  const { name, tag, digest, query } = splitOciName(text);
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, `has a tag that is none: ${quoted(tag)}`);
  if (digest !== undefined && !isDigest(digest))
    throw invalid(text, 'has a digest that is not sha256:<64 lowercase hex>');
  const repository = parseStoreReference(name + query);
  if (repository.kind !== 'oci') throw invalid(text, `must begin with ${SCHEME}`);
  return { repository, tag, digest };
}

/** The same reference with this digest in place of its tag or digest, also of `repo://`. */
export function pinOciName(text: string, digest: Digest): string {
  const { name, query } = splitOciName(text);
  return `${name}@${digest}${query}`;
}

interface OciName {
  /** With its scheme. */
  readonly name: string;
  readonly tag: string | undefined;
  /** Whatever follows the @. */
  readonly digest: string | undefined;
  /** With its question mark; empty for none. */
  readonly query: string;
}

function splitOciName(text: string): OciName {
  const [, beforeQuery = '', query = ''] = /^([^?]*)(\?[^]*)?$/.exec(text) ?? [];
  const at = beforeQuery.indexOf('@');
  const tagged = at < 0 ? beforeQuery : beforeQuery.slice(0, at);
  const digest = at < 0 ? undefined : beforeQuery.slice(at + 1);
  // A colon before the last slash is that of a port or of the scheme.
  const colon = tagged.lastIndexOf(':');
  if (colon <= tagged.lastIndexOf('/')) return { name: tagged, tag: undefined, digest, query };
  return { name: tagged.slice(0, colon), tag: tagged.slice(colon + 1), digest, query };
}

/**
 * Reads `repoBase` of the configuration: `https://HOST[/PREFIX]` or `oci://HOST[/PREFIX][?insecure=true]`.
 * @throws UsageError `REFERENCE_INVALID`, quoting it.
 */
export function parseOciBase(text: string): OciBase {
  const [, scheme = '', rest = '', query = ''] = /^(oci|https?):\/\/([^?]*)(\?[^]*)?$/.exec(text) ?? [];
  const base = { url: `${SCHEME}${rest.replace(/\/+$/, '')}`, query };
  try {
    // Any name below it has to be a reference.
    const { repository, tag } = parseOciLocation(`${base.url}/name${query}`);
    if (tag === undefined && scheme !== '' && (scheme !== 'http' || repository.plainHttp)) return base;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
  throw new UsageError('REFERENCE_INVALID', `not a base of repo:// references: ${quotedReference(text)}`, {
    hint: 'write https://HOST[/PREFIX] of a registry, or oci://HOST[/PREFIX][?insecure=true]',
    details: { reference: shownReference(text) },
  });
}

/** Where a `repo://` reference is below its base. @throws UsageError `REFERENCE_INVALID`, quoting the reference. */
export function locateBelow(base: OciBase, text: string): OciLocation {
  verifyNoCredentials(text);
  const name = text.replace(/^repo:\/\/\/*/, '');
  if (name.includes('?')) throw invalid(text, 'has a query: options stand in "repoBase"');
  return parseOciLocation(`${base.url}/${name}${base.query}`);
}

function verifyNoCredentials(text: string): void {
  if (carriesCredentials(text)) throw invalid(text, 'carries credentials');
}

function invalid(text: string, what: string): UsageError {
  return new UsageError('REFERENCE_INVALID', `the reference ${quotedReference(text)} ${what}`, {
    hint: 'write oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:<64 lowercase hex>',
    details: { reference: shownReference(text) },
  });
}
