import { messageOf } from '../core/errors.ts';

const MAX_LENGTH = 400;

/**
 * The messages of an error and its causes in one line, capped: a library tells the reason in the cause of the cause.
 * @param redact takes secrets out before anything is cut off: of a secret that is cut, the rest would stay.
 */
export function messagesOf(error: unknown, redact: (message: string) => string = (message) => message): string {
  const messages: string[] = [];
  for (let at = error; at instanceof Error && messages.length < 4; at = at.cause) messages.push(at.message);
  return redact(messages.length === 0 ? messageOf(error) : messages.join(': ')).slice(0, MAX_LENGTH);
}
