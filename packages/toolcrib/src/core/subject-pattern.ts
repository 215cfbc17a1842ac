import { messageOf, UsageError } from './errors.ts';

/**
 * The regular expression that a trusted subject of a certificate is, when it is written between `^` and `$`. It matches
 * whole subjects only, also where it has alternatives: `^a|b$` is `a` or `b`, nothing that merely starts or ends so.
 * @returns undefined for a subject that is meant exactly.
 * @throws UsageError `CONFIG_INVALID` for half an anchor, and for what is no regular expression.
 */
export function subjectPattern(subject: string): RegExp | undefined {
  const starts = subject.startsWith('^');
  const ends = subject.endsWith('$');
  if (!starts && !ends) return undefined;
  if (!starts || !ends || subject.length < 3) {
    throw invalid(subject, 'a regular expression stands between ^ and $, an exact subject has neither');
  }
  const inner = subject.slice(1, -1);
  try {
    // By itself first: parentheses that only match those put around it would take the anchors off.
    new RegExp(inner, 'u');
    return new RegExp(`^(?:${inner})$`, 'u');
  } catch (error) {
    throw invalid(subject, messageOf(error), error);
  }
}

function invalid(subject: string, what: string, cause?: unknown): UsageError {
  return new UsageError('CONFIG_INVALID', `the subject ${JSON.stringify(subject)} cannot be matched: ${what}`, {
    hint: 'e.g. "^https://github\\\\.com/OWNER/REPO/\\\\.github/workflows/[^@]+@refs/heads/main$"',
    cause,
  });
}
