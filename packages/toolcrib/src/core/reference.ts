import { UsageError } from './errors.ts';

/** A store as it is written on the command line or in the configuration: formats.md 4. */
export type StoreReference =
  | { readonly kind: 'directory'; readonly url: string; readonly directory: string }
  | {
      readonly kind: 's3';
      readonly url: string;
      readonly bucket: string;
      /** Without slashes at its ends; empty for the root of the bucket. */
      readonly prefix: string;
      readonly region: string | undefined;
      readonly endpoint: string | undefined;
      readonly pathStyle: boolean;
      readonly acl: 'public-read' | undefined;
    };

/** A sandbox as it is written on the command line. */
export type SandboxReference =
  | { readonly kind: 'docker'; readonly text: string; readonly name: string }
  | { readonly kind: 'local'; readonly text: string; readonly directory: string };

const STORE_SCHEMES = 'file:DIR, s3://BUCKET[/PREFIX][?region=&endpoint=&pathStyle=true&acl=public-read]';
const S3_OPTIONS = ['region', 'endpoint', 'pathStyle', 'acl'];

/** @throws UsageError `REFERENCE_INVALID` naming the schemes there are. */
export function parseStoreReference(text: string): StoreReference {
  if (text.startsWith('file:')) return parseDirectoryStore(text);
  if (text.startsWith('s3://')) return parseS3Store(text);
  throw invalidStore(text, 'unknown store', `a store is ${STORE_SCHEMES}`);
}

function parseDirectoryStore(text: string): StoreReference {
  const path = text.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.startsWith('//') || path.includes('\0')) {
    throw invalidStore(text, 'not a directory store', 'write file:DIR, e.g. file:./store or file:/srv/store');
  }
  return { kind: 'directory', url: text, directory: path };
}

function parseS3Store(text: string): StoreReference {
  const match =
    /^s3:\/\/(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(?<prefix>[^?#]*))?(?:\?(?<query>[^#]*))?$/.exec(text);
  const bucket = match?.groups?.['bucket'];
  if (bucket === undefined) throw invalidStore(text, 'not an S3 store', `write ${STORE_SCHEMES.split(', ')[1] ?? ''}`);
  const query = new URLSearchParams(match?.groups?.['query'] ?? '');
  verifyS3Options(text, query);
  return {
    kind: 's3',
    url: text,
    bucket,
    prefix: (match?.groups?.['prefix'] ?? '').replace(/^\/+|\/+$/g, ''),
    region: parseRegion(text, query.get('region')),
    endpoint: parseEndpoint(text, query.get('endpoint')),
    pathStyle: parseBoolean(text, 'pathStyle', query.get('pathStyle')),
    acl: parseAcl(text, query.get('acl')),
  };
}

function verifyS3Options(text: string, query: URLSearchParams): void {
  const allowed = `allowed: ${S3_OPTIONS.join(', ')}`;
  for (const [key, value] of query) {
    if (!S3_OPTIONS.includes(key)) throw invalidStore(text, `unknown option ${JSON.stringify(key)}`, allowed);
    if (value === '') throw invalidStore(text, `option ${key} has no value`, allowed);
    if (query.getAll(key).length > 1) throw invalidStore(text, `option ${key} is given twice`, allowed);
  }
}

function parseEndpoint(text: string, endpoint: string | null): string | undefined {
  if (endpoint === null) return undefined;
  const url = URL.parse(endpoint);
  const isPlain = url !== null && [url.username, url.password, url.search, url.hash].every((part) => part === '');
  if (isPlain && ['http:', 'https:'].includes(url.protocol)) return endpoint.replace(/\/+$/, '');
  throw invalidStore(
    text,
    'endpoint must be an http or https URL without credentials or query',
    'e.g. ?endpoint=http://127.0.0.1:7480',
  );
}

/** It becomes a part of a host name. */
function parseRegion(text: string, region: string | null): string | undefined {
  if (region === null) return undefined;
  if (/^[a-z0-9-]+$/.test(region)) return region;
  throw invalidStore(text, `not a region: ${JSON.stringify(region)}`, 'e.g. ?region=eu-north-1');
}

function parseBoolean(text: string, key: string, value: string | null): boolean {
  if (value === null || value === 'false') return false;
  if (value === 'true') return true;
  throw invalidStore(text, `${key} must be true or false, found ${JSON.stringify(value)}`, `e.g. ?${key}=true`);
}

function parseAcl(text: string, value: string | null): 'public-read' | undefined {
  if (value === null) return undefined;
  if (value === 'public-read') return value;
  throw invalidStore(text, `unknown acl ${JSON.stringify(value)}`, 'allowed: public-read');
}

/** @throws UsageError `REFERENCE_INVALID` naming the kinds there are. */
export function parseSandboxReference(text: string): SandboxReference {
  const colon = text.indexOf(':');
  const kind = text.slice(0, Math.max(colon, 0));
  const rest = text.slice(colon + 1);
  if (kind === 'docker' && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(rest)) return { kind, text, name: rest };
  if (kind === 'local' && rest !== '' && !rest.includes('\0')) return { kind, text, directory: rest };
  throw invalid(text, 'not a sandbox', 'a sandbox is docker:NAME (a container name or id) or local:DIR');
}

/** Credentials that somebody put into the reference are not repeated. */
function invalidStore(text: string, what: string, hint: string): UsageError {
  return invalid(text.replace(/\?[^]*$/, '?…').replace(/^([a-z0-9+.-]*:(?:\/\/)?)?[^]*@/i, '$1…@'), what, hint);
}

function invalid(text: string, what: string, hint: string): UsageError {
  return new UsageError('REFERENCE_INVALID', `${what}: ${JSON.stringify(text)}`, {
    hint,
    details: { reference: text },
  });
}
