import { UsageError } from './errors.ts';
import { isLoopback } from './loopback.ts';
import { splitShellWords } from './shell-words.ts';

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
    }
  | {
      readonly kind: 'github';
      readonly url: string;
      readonly owner: string;
      readonly repository: string;
      /** What a tag begins with, before `-v{N}`; undefined: the name of the tool. */
      readonly tagPrefix: string | undefined;
      /** Of a GitHub Enterprise server, e.g. `https://github.example.com`, without a slash at its end; undefined: GitHub.com. */
      readonly endpoint: string | undefined;
    }
  | {
      readonly kind: 'oci';
      readonly url: string;
      /** With its port, e.g. `images.example.com:5000`. */
      readonly host: string;
      readonly repository: string;
      /** True: spoken to over plain HTTP. */
      readonly plainHttp: boolean;
    }
  | { readonly kind: 'http'; readonly url: string; /** Without a slash at its end. */ readonly base: string };

/** A sandbox as it is written on the command line. */
export type SandboxReference =
  | { readonly kind: 'docker' | 'podman'; readonly text: string; readonly name: string }
  | {
      readonly kind: 'exec';
      readonly text: string;
      /** Words of a command that executes what follows it; at least one. */
      readonly prefix: readonly string[];
    }
  | { readonly kind: 'local'; readonly text: string; readonly directory: string };

const S3_FORM = 's3://BUCKET[/PREFIX][?region=&endpoint=&pathStyle=true&acl=public-read]';
const GITHUB_FORM = 'github:OWNER/REPO[?tag=PREFIX&endpoint=]';
const OCI_FORM = 'oci://HOST/REPOSITORY[?insecure=true]';
const HTTP_FORM = 'https://HOST/BASE';
const STORE_FORMS = ['file:DIR', S3_FORM, GITHUB_FORM, OCI_FORM, HTTP_FORM].join(', ');
const S3_OPTIONS = ['region', 'endpoint', 'pathStyle', 'acl'];

/** @throws UsageError `REFERENCE_INVALID` naming the schemes there are. */
export function parseStoreReference(text: string): StoreReference {
  if (text.startsWith('file:')) return parseDirectoryStore(text);
  if (text.startsWith('s3://')) return parseS3Store(text);
  if (text.startsWith('github:')) return parseGithubStore(text);
  if (text.startsWith('oci://')) return parseOciStore(text);
  if (/^https?:/i.test(text)) return parseHttpStore(text);
  throw invalidStore(text, 'unknown store', `a store is ${STORE_FORMS}`);
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
  if (bucket === undefined) throw invalidStore(text, 'not an S3 store', `write ${S3_FORM}`);
  const query = new URLSearchParams(match?.groups?.['query'] ?? '');
  verifyOptions(text, query, S3_OPTIONS);
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

function parseGithubStore(text: string): StoreReference {
  const match =
    /^github:(?<owner>[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))\/(?<repository>[A-Za-z0-9._-]{1,100})(?:\?(?<query>[^#]*))?$/.exec(
      text,
    );
  const { owner, repository, query = '' } = match?.groups ?? {};
  if (owner === undefined || repository === undefined || ['.', '..'].includes(repository)) {
    throw invalidStore(text, 'not a GitHub store', `write ${GITHUB_FORM}`);
  }
  const options = new URLSearchParams(query);
  verifyOptions(text, options, ['tag', 'endpoint']);
  const tagPrefix = options.get('tag') ?? undefined;
  if (tagPrefix !== undefined && !/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(tagPrefix)) {
    throw invalidStore(text, `not the beginning of a tag: ${JSON.stringify(tagPrefix)}`, 'e.g. ?tag=tool-support');
  }
  const endpoint = parseEndpoint(text, options.get('endpoint'));
  if (endpoint?.startsWith('http:') === true && !isLoopback(new URL(endpoint).hostname)) {
    throw invalidStore(text, 'plain HTTP is only for this machine', 'e.g. ?endpoint=https://github.example.com');
  }
  return { kind: 'github', url: text, owner, repository, tagPrefix, endpoint };
}

const OCI_HOST = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?`;
const OCI_REPOSITORY = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*`;
const OCI_STORE = new RegExp(
  String.raw`^oci:\/\/(?<host>${OCI_HOST})\/(?<repository>${OCI_REPOSITORY})(?:\?(?<query>[^#]*))?$`,
);

function parseOciStore(text: string): StoreReference {
  const { host, repository, query = '' } = OCI_STORE.exec(text)?.groups ?? {};
  if (host === undefined || repository === undefined) {
    throw invalidStore(text, 'not an OCI store', `write ${OCI_FORM}, without a tag: versions are tags`);
  }
  const options = new URLSearchParams(query);
  verifyOptions(text, options, ['insecure']);
  const insecure = parseBoolean(text, 'insecure', options.get('insecure'));
  return { kind: 'oci', url: text, host, repository, plainHttp: insecure || isLoopback(host.replace(/:[0-9]+$/, '')) };
}

function parseHttpStore(text: string): StoreReference {
  const url = URL.parse(text);
  const isPlain = url !== null && [url.username, url.password, url.search, url.hash].every((part) => part === '');
  if (!isPlain) throw invalidStore(text, 'not an HTTP store', `write ${HTTP_FORM}, without credentials or a query`);
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw invalidStore(text, 'plain HTTP is only for this machine', 'put a server that speaks TLS before the store');
  }
  return { kind: 'http', url: text, base: url.href.replace(/\/+$/, '') };
}

function verifyOptions(text: string, query: URLSearchParams, known: readonly string[]): void {
  const allowed = `allowed: ${known.join(', ')}`;
  for (const [key, value] of query) {
    if (!known.includes(key)) throw invalidStore(text, `unknown option ${JSON.stringify(key)}`, allowed);
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
  const isEngine = kind === 'docker' || kind === 'podman';
  if (isEngine && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(rest)) return { kind, text, name: rest };
  if (kind === 'local' && rest !== '' && !rest.includes('\0')) return { kind, text, directory: rest };
  if (kind === 'exec') return { kind, text, prefix: parsePrefix(text, rest) };
  throw invalid(
    text,
    'not a sandbox',
    'a sandbox is docker:NAME or podman:NAME (a container name or id), exec:PREFIX (a command) or local:DIR',
  );
}

function parsePrefix(text: string, command: string): readonly string[] {
  const words = splitShellWords(command);
  if (words.length > 0 && words[0] !== '' && !command.includes('\0')) return words;
  throw invalid(text, 'no command', 'write exec: and a command that executes what follows it, e.g. "exec:ssh HOST"');
}

/** Credentials that somebody put into the reference are not repeated. */
function invalidStore(text: string, what: string, hint: string): UsageError {
  const shown = text
    .replace(/([?#])[^]*$/, '$1…')
    .replace(/^([a-z0-9+.-]*:(?:\/\/)?)?[^]*@/i, '$1…@')
    .replace(/(?:gh[a-z]_|github_pat_)[A-Za-z0-9_]+/g, '…');
  return invalid(shown, what, hint);
}

function invalid(text: string, what: string, hint: string): UsageError {
  return new UsageError('REFERENCE_INVALID', `${what}: ${JSON.stringify(text)}`, {
    hint,
    details: { reference: text },
  });
}
