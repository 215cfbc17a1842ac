/** By what a server tells whether a file is still the same. */
export interface Validator {
  readonly header: 'etag' | 'last-modified';
  readonly value: string;
}

/**
 * What an answer can be continued by: a strong entity tag, or, where there is none at all, a date that is older than the
 * answer by more than its own precision (RFC 9110, 8.8.2.2 and 13.1.5).
 * @param headers names in lower case.
 */
export function validatorOf(headers: ReadonlyMap<string, string>): Validator | undefined {
  const tag = headers.get('etag');
  if (tag !== undefined) return isStrongTag(tag) ? { header: 'etag', value: tag } : undefined;
  const date = headers.get('last-modified');
  if (date === undefined) return undefined;
  const age = Date.parse(headers.get('date') ?? '') - Date.parse(date);
  return age >= 1000 ? { header: 'last-modified', value: date } : undefined;
}

function isStrongTag(tag: string): boolean {
  return /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(tag);
}

/** Whether a partial answer is of the same file. It has to repeat a tag, and may leave out a date (RFC 9110, 15.3.7). */
export function isSameFile({ header, value }: Validator, headers: ReadonlyMap<string, string>): boolean {
  const said = headers.get(header);
  return said === undefined ? header === 'last-modified' : said === value;
}
