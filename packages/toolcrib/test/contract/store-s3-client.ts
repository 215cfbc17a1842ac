import type { StoreReference } from '../../src/core/reference.ts';
import { parseStoreReference } from '../../src/core/reference.ts';
import { openS3Store, type S3StoreOptions } from '../../src/stores/s3/s3-store.ts';
import type { Store } from '../../src/stores/store.ts';
import { s3Server } from '../servers/s3.ts';
import { systemClock } from './store-clock.ts';

type S3Reference = Extract<StoreReference, { kind: 's3' }>;

/** `s3://BUCKET/PREFIX` of the test server, or of another endpoint. */
export function s3Reference(bucket: string, { prefix = '', endpoint = s3Server.endpoint, acl = '' } = {}): S3Reference {
  const path = prefix === '' ? bucket : `${bucket}/${prefix}`;
  const text = `s3://${path}?region=us-east-1&endpoint=${endpoint}&pathStyle=true${acl === '' ? '' : `&acl=${acl}`}`;
  const reference = parseStoreReference(text);
  if (reference.kind !== 's3') throw new Error('not an S3 store');
  return reference;
}

/** Quick to give up, and with the keys of the test server. */
export const s3Options: S3StoreOptions = {
  offline: false,
  rewrite: [],
  clock: systemClock,
  random: Math.random,
  retry: { attempts: 4, firstWaitMs: 20, longestWaitMs: 200 },
  credentials: { accessKeyId: s3Server.accessKeyId, secretAccessKey: s3Server.secretAccessKey },
};

export function openTestStore(bucket: string, prefix = '', options: Partial<S3StoreOptions> = {}): Store {
  return openS3Store(s3Reference(bucket, { prefix }), { ...s3Options, ...options });
}
