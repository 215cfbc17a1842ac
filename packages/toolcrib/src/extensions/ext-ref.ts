import { UsageError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';

/** What an `ext://<id>#component` reference names: docs/formats.md, "Extensions". */
export interface ExtRef {
  /** As `pack.extensions.json` declares it. */
  readonly extensionId: string;
}

const SCHEME = 'ext://';
const FRAGMENT = 'component';
const FORM = `${SCHEME}<id>#${FRAGMENT}`;

/** @throws UsageError `REFERENCE_INVALID`, quoting the reference. */
export function parseExtRef(text: string): ExtRef {
  if (!text.startsWith(SCHEME)) throw invalid(text, `must begin with ${SCHEME}`);
  const rest = text.slice(SCHEME.length);
  const at = rest.indexOf('#');
  if (at < 0) throw invalid(text, `has no fragment #${FRAGMENT}`);
  const [extensionId, fragment] = [rest.slice(0, at), rest.slice(at + 1)];
  if (fragment !== FRAGMENT) throw invalid(text, `must end with #${FRAGMENT}, not with ${quoted(`#${fragment}`)}`);
  if (extensionId.trim() === '') throw invalid(text, 'names an extension id that must not be empty');
  return { extensionId };
}

/** The inverse of {@link parseExtRef}. */
export function formatExtRef({ extensionId }: ExtRef): string {
  return `${SCHEME}${extensionId}#${FRAGMENT}`;
}

function invalid(text: string, what: string): UsageError {
  return new UsageError('REFERENCE_INVALID', `the component reference ${quoted(text)} ${what}`, {
    hint: `write ${FORM}, with an id that pack.extensions.json declares`,
    details: { reference: text },
  });
}
