import { createServer, type IncomingMessage } from 'node:http';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { storedSumsName } from '../../../src/core/release-names.ts';
import type { Store } from '../../../src/stores/store.ts';
import { openTestGithubStore, OWNER_TOKEN, REPOSITORY } from '../../contract/store-github-client.ts';
import { openTestStore } from '../../contract/store-oci-client.ts';
import { sourceOf } from '../../contract/store-contract.ts';
import { startGithub } from '../../servers/github/github-server.ts';
import { startFileServer } from '../../servers/http.ts';
import { startFaultProxy, type FaultProxy, type ProxiedRequest } from '../../servers/fault-proxy.ts';
import { registryUser, startRegistry } from '../../servers/registry.ts';
import { freshBucket, s3Client, s3Server } from '../../servers/s3.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { listen, startProxy } from '../transfer/proxy-server.ts';
import type { Chance } from './chance.ts';
import { faultFor, isInLoop, type FaultName } from './network-faults.ts';

export const NAME = 'probe-amd64-any-v1';
/** Bytes of which no piece resembles another; more than one buffer of a socket. */
export const ARTIFACT = Buffer.from(Uint32Array.from({ length: 50_000 }, (_, n) => n * 2654435761).buffer);
export const DIGEST = digestOf(ARTIFACT);
const SUMS = `${digestHex(DIGEST)}  ${NAME}\n`;

export type StoreKind = 'http' | 's3' | 'oci' | 'github';
export const STORE_KINDS: readonly StoreKind[] = ['http', 's3', 'oci', 'github'];

/** Sound stores of every kind that hold the artifact; all but the first show it to those with credentials only. */
export interface Stores extends AsyncDisposable {
  /** `http://HOST:PORT` of each. */
  readonly addresses: Readonly<Record<StoreKind, string>>;
  readonly bucket: string;
}

const PROXY_USER = { name: 'proxy-user', password: 'proxy-word' };
const HTTP_TOKEN = 'token-for-publishing-over-http';

/** Nobody but the server, or the proxy, that they are for may ever see one of these. */
export const SECRETS: readonly string[] = [
  OWNER_TOKEN,
  HTTP_TOKEN,
  PROXY_USER.password,
  registryUser.password,
  s3Server.secretAccessKey,
  basic(PROXY_USER),
  basic(registryUser),
];

export async function startStores(): Promise<Stores> {
  await using started = new AsyncDisposableStack();
  const scratch = started.use(await scratchProject());
  const files = started.use(await startFileServer({ [`/files/${NAME}`]: ARTIFACT }, { tags: true }));
  const bucket = started.use(await freshBucket());
  const registry = started.use(await startRegistry({ auth: 'htpasswd' }));
  const tokens = { [OWNER_TOKEN]: 'write' } as const;
  const github = started.use(await startGithub({ repositories: [{ name: REPOSITORY, private: true }], tokens }));
  await putObject(bucket.name);
  await writeDockerConfig(scratch, registry.host);
  await publish(openTestStore(registry.host, 'probe', { credentials: { dockerConfig: scratch.folder } }));
  await publish(openTestGithubStore(github.endpoint));
  const all = started.move();
  return {
    addresses: { http: files.url, s3: s3Server.endpoint, oci: `http://${registry.host}`, github: github.endpoint },
    bucket: bucket.name,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function putObject(bucket: string): Promise<void> {
  const client = s3Client();
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: NAME, Body: ARTIFACT }));
  client.destroy();
}

async function publish(store: Store): Promise<void> {
  const files = [
    { name: storedSumsName('probe', 1), source: sourceOf(Buffer.from(SUMS)) },
    { name: NAME, source: sourceOf(ARTIFACT) },
  ];
  for (const { name, source } of files) await store.create(name, source);
  const finished = files.map(({ name, source: { digest, size } }) => ({ name, digest, size }));
  await store.complete({ tool: 'probe', version: 1, files: finished, notes: '' });
  await store.close();
}

async function writeDockerConfig(scratch: ScratchProject, host: string): Promise<void> {
  await scratch.write('config.json', JSON.stringify({ auths: { [host]: { auth: basic(registryUser) } } }));
}

/** What a network does to requests. */
export interface Weather {
  readonly chance: Chance;
  readonly faults: readonly FaultName[];
  /** The share of requests that one of them befalls. */
  readonly share: number;
  /** True: everything goes through a proxy that wants credentials. */
  readonly proxied: boolean;
}

/** Some of the stores, on a network that has its faults, and a project that resolves from them. */
export interface FaultyNetwork extends AsyncDisposable {
  readonly project: ScratchProject;
  /** For toolcrib: credentials, and the way to the proxy. */
  readonly env: Readonly<Record<string, string>>;
  /** What befell requests, in order. */
  readonly happened: readonly FaultName[];
  /** How often a broken download went on. */
  continued(): number;
  /** What somebody saw who must not have, in words; nothing is right. */
  leaks(): readonly string[];
}

/** @param stores that are asked, in this order. */
export async function openNetwork(
  sound: Stores,
  stores: readonly StoreKind[],
  { chance, faults, share, proxied }: Weather,
): Promise<FaultyNetwork> {
  await using opened = new AsyncDisposableStack();
  const happened: FaultName[] = [];
  const foreign = opened.use(await startForeign(chance));
  const gates = new Map<StoreKind, FaultProxy>();
  for (const kind of stores) {
    const faultOf = (request: ProxiedRequest) => {
      if (!isInLoop(request) && chance.fraction() >= share) return undefined;
      const name = isInLoop(request) ? 'redirect loop' : chance.pick(faults);
      happened.push(name);
      return faultFor(name, request, chance, foreign.url);
    };
    gates.set(kind, opened.use(await startFaultProxy(sound.addresses[kind], faultOf)));
  }
  const proxy = proxied ? opened.use(await startProxy()) : undefined;
  const urlOf = (kind: StoreKind): string => gates.get(kind)?.url ?? 'http://127.0.0.1:1';
  const project = opened.use(await projectOf(stores.map((kind) => storeUrl(kind, urlOf(kind), sound.bucket))));
  await writeDockerConfig(project, new URL(urlOf('oci')).host);
  const all = opened.move();
  return {
    project,
    happened,
    env: {
      TOOLCRIB_INSTALL_STATE: 'clean',
      TOOLCRIB_HTTP_TOKEN: HTTP_TOKEN,
      TOOLCRIB_HTTP_TOKEN_ORIGIN: urlOf('http'),
      TOOLCRIB_GITHUB_TOKEN: OWNER_TOKEN,
      GITHUB_SERVER_URL: urlOf('github'),
      DOCKER_CONFIG: project.folder,
      ...(proxy && { http_proxy: proxy.url.replace('://', `://${PROXY_USER.name}:${PROXY_USER.password}@`) }),
    },
    continued: () =>
      [...gates.values()].flatMap(({ requests }) => requests.filter(({ headers }) => headers.range)).length,
    leaks: () => [
      ...foreign.seen.flatMap((seen) => leaksIn('a foreign origin', seen.url, seen.headers, [])),
      ...[...gates].flatMap(([kind, { requests }]) =>
        requests.flatMap(({ path, headers }) => leaksIn(`the store ${kind}`, path, headers, OWN[kind])),
      ),
    ],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** What the `authorization` that a store may be shown has in it. */
const OWN: Readonly<Record<StoreKind, readonly string[]>> = {
  http: [],
  s3: ['AWS4-HMAC-SHA256'],
  oci: [basic(registryUser)],
  github: [OWNER_TOKEN],
};

function leaksIn(
  who: string,
  url: string | undefined,
  headers: IncomingMessage['headers'],
  own: readonly string[],
): readonly string[] {
  const { authorization, ...others } = headers;
  const shown = authorization === undefined || own.some((word) => authorization.includes(word));
  const strange = ['proxy-authorization', 'cookie'].filter((name) => others[name] !== undefined);
  const rest = JSON.stringify([url, others]);
  const secret = SECRETS.some((each) => rest.includes(each)) || /x-amz-(?:signature|credential|security)/i.test(rest);
  return [
    ...(shown ? [] : [`${who} saw the authorization ${authorization}`]),
    ...strange.map((name) => `${who} saw ${name}`),
    ...(secret ? [`${who} saw a secret: ${rest}`] : []),
  ];
}

/** To where a request was sent away from. */
function backFrom(url: string | undefined): string {
  const { pathname, searchParams } = new URL(url ?? '/', 'http://foreign');
  return `http://${searchParams.get('from') ?? 'nowhere.invalid'}${pathname}`;
}

/** A server of somebody else: it may give out the file, or others, or nothing, or send back. */
async function startForeign(chance: Chance) {
  const seen: { readonly url: string | undefined; readonly headers: IncomingMessage['headers'] }[] = [];
  const server = createServer((request, response) => {
    seen.push({ url: request.url, headers: request.headers });
    const answer = chance.pick(['the file', 'other bytes', 'nothing', 'a redirect'] as const);
    if (answer === 'nothing') response.writeHead(404).end();
    else if (answer === 'a redirect') response.writeHead(302, { location: backFrom(request.url) }).end();
    else response.end(answer === 'the file' ? ARTIFACT : Buffer.alloc(ARTIFACT.byteLength));
  });
  return { ...(await listen(server)), seen };
}

function storeUrl(kind: StoreKind, address: string, bucket: string): string {
  switch (kind) {
    case 'http':
      return `${address}/files`;
    case 's3':
      return `s3://${bucket}?endpoint=${address}&pathStyle=true`;
    case 'oci':
      return `oci://${new URL(address).host}/probe`;
    case 'github':
      return `github:${REPOSITORY}?endpoint=${address}`;
  }
}

function projectOf(stores: readonly string[]): Promise<ScratchProject> {
  return scratchProject({
    'toolcrib.json': { tool: 'probe', targets: ['amd64-any'], stores },
    'tool-version.txt': '1\n',
    SHA256SUMS: SUMS,
  });
}

/** As HTTP's basic credentials have it. */
function basic({ name, password }: { readonly name: string; readonly password: string }): string {
  return Buffer.from(`${name}:${password}`).toString('base64');
}
