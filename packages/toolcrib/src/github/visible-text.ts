import { printable } from '../core/printable.ts';
import { redactSecrets } from '../core/redact-secrets.ts';

const MAX_CHARACTERS = 300;

/** Tokens as GitHub writes them (GitHub's documentation, "About authentication to GitHub"), and bearer credentials. */
const TOKENS = /\b(?:gh[a-z]_[A-Za-z0-9._-]{8,}|github_pat_[A-Za-z0-9_]{8,})|\b(?:bearer|token)\s+[^\s"',;]{8,}/gi;

/**
 * Text of a server as it may be shown: on one line, printable, at most 300 characters, and without anything that
 * looks like a token.
 * @param token the one that was sent, whatever it looks like.
 */
export function visibleText(text: string, token?: string): string {
  const words = redactSecrets(text, token === undefined ? [] : [token]).replaceAll(TOKENS, '***');
  const line = printable(words.replaceAll(/\s+/g, ' ').trim());
  return line.length <= MAX_CHARACTERS ? line : `${line.slice(0, MAX_CHARACTERS - 3).toWellFormed()}...`;
}
