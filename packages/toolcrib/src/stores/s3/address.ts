import { isIP } from 'node:net';
import { isLoopback } from '../../core/loopback.ts';
import type { StoreReference } from '../../core/reference.ts';

export type S3Reference = Extract<StoreReference, { kind: 's3' }>;

/** Key of a file's object. */
export function objectKey(reference: S3Reference, name: string): string {
  return reference.prefix === '' ? name : `${reference.prefix}/${name}`;
}

/** Where anybody finds a public object: plain HTTPS, no API. */
export function objectUrl(reference: S3Reference, name: string): string {
  const path = objectKey(reference, name).split('/').map(encodeURIComponent).join('/');
  return `${bucketUrl(reference)}/${path}`;
}

/**
 * Virtual-hosted style, except where asked otherwise, for a bucket with dots, which no wildcard certificate covers (Amazon
 * S3 User Guide, "Virtual hosting of general purpose buckets"), and where the endpoint is no name that another can stand
 * before: an IP address, and this machine.
 */
function bucketUrl(reference: S3Reference): string {
  const { bucket, endpoint, region } = reference;
  const base = new URL(endpoint ?? awsEndpoint(region));
  const path = base.pathname.replace(/\/$/, '');
  if (isPathStyle(reference)) return `${base.origin}${path}/${bucket}`;
  return `${base.protocol}//${bucket}.${base.host}${path}`;
}

export function isPathStyle({ pathStyle, bucket, endpoint }: S3Reference): boolean {
  return pathStyle || bucket.includes('.') || (endpoint !== undefined && !takesSubdomains(new URL(endpoint).hostname));
}

/** URLs write an IPv4 address in decimals, whatever it was given as, and IPv6 in brackets. */
function takesSubdomains(host: string): boolean {
  return !isLoopback(host) && isIP(host) === 0 && !host.startsWith('[');
}

/** Without a region the global endpoint, which redirects to the bucket's own. */
function awsEndpoint(region: string | undefined): string {
  if (region === undefined) return 'https://s3.amazonaws.com';
  return `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
