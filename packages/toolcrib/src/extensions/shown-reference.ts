import { quoted } from '../core/printable.ts';

/** A reference as it may be shown: the query of a URL can be what opens a server. */
export function shownReference(reference: string): string {
  return reference.replace(/^(\s*https?:[^?#]*\?)[^]+$/, '$1…');
}

/** The same as a JSON string. */
export function quotedReference(reference: string): string {
  return quoted(shownReference(reference));
}
