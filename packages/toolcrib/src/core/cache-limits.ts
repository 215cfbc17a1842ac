import { UsageError } from './errors.ts';

/** How much a cache may keep, and for how long: formats.md 2. What is absent is not limited. */
export interface CacheLimits {
  /** In bytes, of artifacts and their unpacked forms together. */
  readonly maxBytes?: number | undefined;
  /** Days since the last use. */
  readonly maxAgeDays?: number | undefined;
}

/** Powers of ten as `formatSize` writes them, and those of two. */
const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** More days than anybody means: a hundred years. */
export const MAX_AGE_DAYS = 36_500;

/** What {@link parseByteSize} reads, for messages. */
export const BYTE_SIZE_FORMS = `a whole number of bytes, or a number with one of ${Object.keys(UNITS).join(', ')}`;

/** What {@link parseDays} reads, for messages. */
export const DAYS_FORMS = `a number of days from 0 to ${MAX_AGE_DAYS}`;

/**
 * Reads an amount of bytes: `5000000000`, `5GB`, `1.5 GiB`. Units are read as they are written here, because `mb` and
 * `Mb` mean other things to other people.
 * @param what where it was written, for the message, e.g. `--max-bytes`.
 * @throws UsageError `USAGE`.
 */
export function parseByteSize(text: string, what: string): number {
  const bytes = byteSizeFrom(text);
  if (bytes !== undefined) return bytes;
  throw new UsageError('USAGE', `${what} takes ${BYTE_SIZE_FORMS}, found ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'e.g. 5GB',
  });
}

/** As {@link parseByteSize}; undefined for anything else. */
export function byteSizeFrom(text: string): number | undefined {
  const groups = /^(?<number>[0-9]{1,16}(?:\.[0-9]{1,9})?) ?(?<unit>[A-Za-z]*)$/.exec(text)?.groups;
  const { number = '', unit = '' } = groups ?? {};
  const factor = unit === '' ? 1 : Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (number === '' || factor === undefined || (factor === 1 && number.includes('.'))) return undefined;
  const bytes = Math.round(Number(number) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Reads an age: `30`, `0.5`.
 * @param what where it was written, for the message, e.g. `--max-age`.
 * @throws UsageError `USAGE`.
 */
export function parseDays(text: string, what: string): number {
  const days = /^[0-9]{1,5}(?:\.[0-9]{1,9})?$/.test(text) ? Number(text) : Infinity;
  if (days <= MAX_AGE_DAYS) return days;
  throw new UsageError('USAGE', `${what} takes ${DAYS_FORMS}, found ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'e.g. 30',
  });
}
