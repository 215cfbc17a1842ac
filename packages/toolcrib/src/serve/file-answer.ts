import type { IncomingHttpHeaders } from 'node:http';
import type { Digest } from '../core/digest.ts';
import { releaseOf } from '../core/release-names.ts';
import { storedPackOf } from '../core/stored-pack.ts';
import { parseByteRange, type ByteRange } from './byte-range.ts';
import { digestHeaders, entityTag } from './digest-headers.ts';

/** A file as its answer needs it. */
export interface FileFacts {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly digest: Digest;
}

/** What a request for a file is answered. */
export interface FileAnswer {
  readonly status: 200 | 206 | 304 | 412 | 416;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes to send; undefined when there are none. */
  readonly range: ByteRange | undefined;
}

/** Files of a release, and packs, never change: a year, the longest that caches agree on (RFC 8246). */
const FOR_EVER = 'public, max-age=31536000, immutable';

/** Decides on preconditions and ranges, in the order of RFC 9110, 13.2.2. */
export function answerFile(request: IncomingHttpHeaders, file: FileFacts): FileAnswer {
  const tag = entityTag(file.digest);
  const always = { etag: tag, 'cache-control': cacheControl(file.name), 'accept-ranges': 'bytes' };
  if (request['if-match'] !== undefined && !hasTag(request['if-match'], tag, 'strong')) return without(412, always);
  if (hasTag(request['if-none-match'], tag, 'weak')) return without(304, always);
  const range = mayBePart(request, tag) ? parseByteRange(request.range, file.size) : undefined;
  if (range === 'unsatisfiable') return without(416, { ...always, 'content-range': `bytes */${file.size}` });
  const described = { ...always, 'content-type': contentType(file.name), ...digestHeaders(file.digest) };
  if (range === undefined) {
    const whole = file.size === 0 ? undefined : { start: 0, end: file.size - 1 };
    return { status: 200, headers: { ...described, 'content-length': String(file.size) }, range: whole };
  }
  const { start, end } = range;
  const part = {
    'content-length': String(end - start + 1),
    'content-range': `bytes ${start}-${end}/${file.size}`,
  };
  return { status: 206, headers: { ...described, ...part }, range };
}

function without(status: 304 | 412 | 416, headers: Readonly<Record<string, string>>): FileAnswer {
  return { status, headers: status === 304 ? headers : { ...headers, 'content-length': '0' }, range: undefined };
}

/** Part of another state of the file is worth nothing to who has the beginning of this one. */
function mayBePart(request: IncomingHttpHeaders, tag: string): boolean {
  const condition = request['if-range'];
  return condition === undefined || condition === tag;
}

function hasTag(header: string | undefined, tag: string, comparison: 'strong' | 'weak'): boolean {
  if (header === undefined) return false;
  const listed = header.split(',').map((each) => each.trim());
  return listed.some((each) => each === '*' || each === tag || (comparison === 'weak' && each === `W/${tag}`));
}

/** What belongs to no release, such as a list of revocations, may be replaced by hand. */
function cacheControl(name: string): string {
  return releaseOf(name) === undefined && storedPackOf(name) === undefined ? 'no-cache' : FOR_EVER;
}

function contentType(name: string): string {
  if (name.endsWith('.json')) return 'application/json';
  return name.endsWith('.SHA256SUMS') ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}
