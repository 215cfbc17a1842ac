import { createHmac } from 'node:crypto';
import { write } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a held command ended: by itself, by a signal, or not at all, because it was not started. */
export interface CommandEnd {
  readonly how: 'exited' | 'killed' | 'refused';
  /** The exit code, the number of the signal, or the exit code that stands for why it was not started. */
  readonly number: number;
}

/** What a child process ended with; undefined when that is not known. */
export function endOfChild(code: number | null, signal: NodeJS.Signals | null): CommandEnd | undefined {
  if (code !== null) return { how: 'exited', number: code };
  return signal === null ? undefined : { how: 'killed', number: constants.signals[signal] };
}

/** The end as the exit code of a supervisor. */
export function exitCodeOf({ how, number }: CommandEnd): number {
  return how === 'killed' ? 128 + number : number;
}

/** In milliseconds: between two tries to write where nobody has read for a moment. */
const pause = 5;

/**
 * Tells the end on stderr, which the command and what it left behind write to as well: sealed with a key that they do
 * not know, and in one piece. Who reads it there can keep it from the host, and cannot have another one believed.
 *
 * @param abandoned when it resolves, nobody waits for this any more.
 */
export async function tellEnd({ how, number }: CommandEnd, key: string, abandoned: Promise<unknown>): Promise<void> {
  const said = `${how} ${number}`;
  const seal = createHmac('sha256', Buffer.from(key, 'hex')).update(said).digest('hex');
  const line = Buffer.from(`\x1etoolcrib-hold ${said} ${seal}\n`);
  const over = new AbortController();
  const given = abandoned.then(() => over.abort());
  await Promise.race([given, writeWhole(line, over.signal)]);
}

/** A pipe takes so few bytes whole or not at all. */
async function writeWhole(line: Buffer, over: AbortSignal): Promise<void> {
  while (!over.aborted && (await writeOnce(line)) === 'EAGAIN') await sleep(pause);
}

/** Not synchronously: where nobody reads, the end of the connection is to be seen. @returns the code of an error. */
function writeOnce(line: Buffer): Promise<string | undefined> {
  return new Promise((resolve) => write(2, line, (error) => resolve(error?.code)));
}
