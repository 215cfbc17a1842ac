import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen } from '../transfer/proxy-server.ts';

/** A request as the stand-in got it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly size: number;
}

/** What the stand-in does that Debian's registry does not. */
export interface StandInOptions {
  /** True: it lists referrers itself, and says so. */
  readonly referrers?: boolean;
  /** Tags of one page. */
  readonly tagPage?: number;
  /** In bytes: no chunk but the last may be smaller, and uploads say so. */
  readonly minChunk?: number;
  /** True: uploads in one request are refused with 413. */
  readonly chunksOnly?: boolean;
  /** Answers instead of the registry; returns false to let it answer. */
  readonly before?: (request: SeenRequest, response: ServerResponse) => boolean;
}

/** A registry in memory, after the OCI distribution specification 1.1: for what a real one does not show. */
export interface StandIn extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly requests: readonly SeenRequest[];
  /** Content by digest, also manifests: to be tampered with. */
  readonly content: Map<string, Buffer>;
}

interface State {
  readonly options: StandInOptions;
  readonly content: Map<string, Buffer>;
  readonly types: Map<string, string>;
  readonly tags: Map<string, string>;
  readonly uploads: Map<string, Buffer[]>;
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function refuse(response: ServerResponse, status: number, code: string, message = ''): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ errors: [{ code, message }] }));
}

export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const state: State = { options, content: new Map(), types: new Map(), tags: new Map(), uploads: new Map() };
  const requests: SeenRequest[] = [];
  const server = createServer((incoming, response) => {
    const pieces: Buffer[] = [];
    incoming.on('error', () => undefined);
    incoming.on('data', (piece: Buffer) => pieces.push(piece));
    incoming.on('end', () => {
      const body = Buffer.concat(pieces);
      const { method = '', url = '', headers } = incoming;
      const seen = { method, path: url, headers, size: body.byteLength };
      requests.push(seen);
      if (options.before?.(seen, response) !== true) answer(state, seen, body, response);
    });
  });
  const { url, ...rest } = await listen(server);
  return { ...rest, host: url.replace('http://', ''), requests, content: state.content };
}

function answer(state: State, request: SeenRequest, body: Buffer, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.path, 'http://registry');
  const [, kind = '', rest = ''] = /^\/v2\/[^/]+\/[^/]+\/(blobs|manifests|tags|referrers)\/(.*)$/.exec(pathname) ?? [];
  if (kind === 'blobs' && rest.startsWith('uploads/')) upload(state, request, body, response, rest, searchParams);
  else if (kind === 'blobs') give(state, request, response, rest);
  else if (kind === 'manifests' && request.method === 'PUT') putManifest(state, request, body, response, rest);
  else if (kind === 'manifests') give(state, request, response, state.tags.get(rest) ?? rest);
  else if (kind === 'tags') listTags(state, response, searchParams);
  else if (kind === 'referrers' && state.options.referrers === true) listReferrers(state, response, rest);
  else refuse(response, 404, 'NOT_FOUND');
}

function give({ content, types }: State, { method }: SeenRequest, response: ServerResponse, digest: string): void {
  const bytes = content.get(digest);
  if (bytes === undefined) {
    refuse(response, 404, 'UNKNOWN');
    return;
  }
  response.writeHead(200, {
    'content-type': types.get(digest) ?? 'application/octet-stream',
    'content-length': bytes.byteLength,
    'docker-content-digest': digest,
  });
  response.end(method === 'HEAD' ? undefined : bytes);
}

/** Manifests by tag or digest; what they refer to has to be there. */
function putManifest(
  { content, types, tags, options }: State,
  request: SeenRequest,
  body: Buffer,
  response: ServerResponse,
  reference: string,
): void {
  const digest = digestOf(body);
  const isDigest = reference.startsWith('sha256:');
  const manifest = JSON.parse(body.toString()) as {
    config?: { digest: string };
    layers?: { digest: string }[];
    manifests?: { digest: string }[];
    subject?: { digest: string };
  };
  const parts = [manifest.config, ...(manifest.layers ?? []), ...(manifest.manifests ?? [])];
  const isWhole = parts.every((part) => part === undefined || content.has(part.digest));
  if (!isWhole || (isDigest && reference !== digest)) {
    refuse(response, 400, isWhole ? 'DIGEST_INVALID' : 'MANIFEST_BLOB_UNKNOWN');
    return;
  }
  content.set(digest, body);
  types.set(digest, request.headers['content-type'] ?? '');
  if (!isDigest) tags.set(reference, digest);
  const subject = options.referrers === true ? manifest.subject?.digest : undefined;
  response.writeHead(201, { 'docker-content-digest': digest, ...(subject && { 'oci-subject': subject }) }).end();
}

/** Locations are relative, and their query has to come back as it is. */
function upload(
  state: State,
  { method, headers }: SeenRequest,
  body: Buffer,
  response: ServerResponse,
  rest: string,
  query: URLSearchParams,
): void {
  const { uploads, content, options } = state;
  const id = method === 'POST' ? randomUUID() : rest.slice('uploads/'.length);
  const location = `/v2/some/repo/blobs/uploads/${id}?state=a%20b~c`;
  const chunks = uploads.get(id) ?? [];
  if (method === 'POST') {
    uploads.set(id, chunks);
    const min = options.minChunk === undefined ? {} : { 'oci-chunk-min-length': String(options.minChunk) };
    response.writeHead(202, { location, ...min }).end();
  } else if (!uploads.has(id) || query.get('state') !== 'a b~c') refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN');
  else if (method === 'PATCH') {
    const start = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    const small = chunks.at(-1)?.byteLength ?? Infinity;
    const isRight = headers['content-range'] === `${start}-${start + body.byteLength - 1}`;
    if (!isRight || small < (options.minChunk ?? 0)) refuse(response, 416, 'RANGE_INVALID');
    else {
      chunks.push(body);
      response.writeHead(202, { location }).end();
    }
  } else if (options.chunksOnly === true && body.byteLength > 0) refuse(response, 413, 'SIZE_INVALID');
  else finishUpload(content, Buffer.concat([...chunks, body]), response, query.get('digest') ?? '');
}

function finishUpload(content: Map<string, Buffer>, bytes: Buffer, response: ServerResponse, digest: string): void {
  if (digestOf(bytes) !== digest) {
    refuse(response, 400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
    return;
  }
  content.set(digest, bytes);
  response.writeHead(201, { 'docker-content-digest': digest }).end();
}

function listTags({ tags, options }: State, response: ServerResponse, query: URLSearchParams): void {
  const all = [...tags.keys()].sort();
  const start = all.findIndex((tag) => tag > (query.get('last') ?? ''));
  const page = start < 0 ? [] : all.slice(start, start + (options.tagPage ?? Infinity));
  const last = page.at(-1);
  const isMore = last !== undefined && last !== all.at(-1);
  const link = isMore ? { link: `</v2/some/repo/tags/list?n=1000&last=${last}>; rel="next"` } : {};
  response.writeHead(200, link).end(JSON.stringify({ name: 'some/repo', tags: page }));
}

function listReferrers({ content }: State, response: ServerResponse, subject: string): void {
  const manifests = [...content].flatMap(([digest, bytes]) => {
    if (!bytes.subarray(0, 1).equals(Buffer.from('{'))) return [];
    const json = JSON.parse(bytes.toString()) as {
      subject?: { digest: string };
      mediaType?: string;
      artifactType?: string;
    };
    if (json.subject?.digest !== subject) return [];
    return [{ mediaType: json.mediaType, artifactType: json.artifactType, digest, size: bytes.byteLength }];
  });
  const type = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
  response.writeHead(200, type).end(JSON.stringify({ schemaVersion: 2, manifests }));
}
