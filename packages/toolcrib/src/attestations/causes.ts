import { messageOf } from '../core/errors.ts';

/** The messages of an error and its causes in one line, capped: a library tells the reason in the cause of the cause. */
export function messagesOf(error: unknown): string {
  const messages: string[] = [];
  for (let at = error; at instanceof Error && messages.length < 4; at = at.cause) messages.push(at.message);
  return (messages.length === 0 ? messageOf(error) : messages.join(': ')).slice(0, 400);
}
