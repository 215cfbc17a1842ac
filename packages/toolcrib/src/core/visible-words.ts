import { printable } from './printable.ts';
import { redactSecrets } from './redact-secrets.ts';

/** Characters of somebody else's words in a message. */
const MAX_WORDS = 300;

/** Most of an answer that is read for its words, in bytes. */
export const MAX_TOLD_BYTES = 8 * 1024;

/** What is known of somebody else's words. */
export interface ToldWords {
  /** What was sent along, which they may repeat. */
  readonly secrets: readonly string[];
  /** True when more was told than was read. */
  readonly isCut?: boolean;
}

/** Words of a server as they may be shown: without what was secret in the request, on one line, printable, and shortened. */
export function visibleWords(text: string, { secrets, isCut = false }: ToldWords): string {
  const line = printable(redactSecrets(text, secrets, { isCut }).replaceAll(/\s+/g, ' ').trim());
  return line.length <= MAX_WORDS ? line : `${line.slice(0, MAX_WORDS).toWellFormed()}…`;
}
