import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failureOfAsync } from '../../core/failure.ts';
import { createScratch } from '../../disk/scratch.ts';

/** What a log with this content gives, read to its end. */
export async function readLog<T>(content: string | Uint8Array, read: (path: string) => AsyncIterable<T>): Promise<T[]> {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'log.ndjson');
  await writeFile(path, content);
  return await all(read(path));
}

/** Everything that a log gives. */
export async function all<T>(events: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const event of events) collected.push(event);
  return collected;
}

/** The error that reading such a log ends with, and its message without the path. */
export async function failureOfLog(
  content: string | Uint8Array,
  read: (path: string) => AsyncIterable<unknown>,
): Promise<{ readonly code: string; readonly message: string; readonly field: unknown; readonly line: unknown }> {
  const { code, message, details } = await failureOfAsync(() => readLog(content, read));
  const { path, field, line } = details;
  return { code, message: typeof path === 'string' ? message.replace(path, 'LOG') : message, field, line };
}

/** One JSON value a line. */
export function ndjson(...values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}
