import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFileServer } from './http.ts';

/** A repository of The Update Framework on 127.0.0.1 that publishes one `trusted_root.json`. */
export interface TufRepository extends AsyncDisposable {
  readonly mirror: { readonly url: string; /** Path of its first root. */ readonly root: string };
  /** Paths that were asked for. */
  readonly asked: () => readonly string[];
}

export interface TufOptions {
  readonly target: Uint8Array;
  /** What is served instead of the target that was signed. */
  readonly served?: Uint8Array;
  /** Hours until its timestamp expires; negative when it has. */
  readonly hoursLeft?: number;
  /** Default: a new one. */
  readonly key?: TufKey;
}

export interface TufKey {
  readonly keyid: string;
  readonly privateKey: KeyObject;
  readonly json: object;
}

export function createTufKey(): TufKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex');
  const json = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: raw } };
  return { keyid: sha256(canonical(json)), privateKey, json };
}

/** @see https://theupdateframework.github.io/specification/latest/ */
export async function startTufRepository({
  target,
  served = target,
  hoursLeft = 24,
  key = createTufKey(),
}: TufOptions): Promise<TufRepository> {
  const expires = new Date(Date.now() + 24 * 3_600_000).toISOString().replace(/\.\d+/, '');
  const soon = new Date(Date.now() + hoursLeft * 3_600_000).toISOString().replace(/\.\d+/, '');
  const common = { spec_version: '1.0.31', version: 1, expires };
  const role = { keyids: [key.keyid], threshold: 1 };
  const roles = { root: role, timestamp: role, snapshot: role, targets: role };
  const root = signed(
    { _type: 'root', ...common, consistent_snapshot: true, keys: { [key.keyid]: key.json }, roles },
    key,
  );
  const hash = sha256(target);
  const targets = { 'trusted_root.json': { length: target.byteLength, hashes: { sha256: hash } } };
  const files = {
    '/timestamp.json': signed(
      { _type: 'timestamp', ...common, expires: soon, meta: { 'snapshot.json': { version: 1 } } },
      key,
    ),
    '/1.snapshot.json': signed({ _type: 'snapshot', ...common, meta: { 'targets.json': { version: 1 } } }, key),
    '/1.targets.json': signed({ _type: 'targets', ...common, targets }, key),
    [`/targets/${hash}.trusted_root.json`]: served,
  };
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-tuf-'));
  await writeFile(join(folder, 'root.json'), root);
  const server = await startFileServer(files);
  return {
    mirror: { url: server.url, root: join(folder, 'root.json') },
    asked: () => server.requests.map(({ path }) => path),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function signed(metadata: object, { keyid, privateKey }: TufKey): string {
  const sig = sign(null, Buffer.from(canonical(metadata)), privateKey).toString('hex');
  return JSON.stringify({ signatures: [{ keyid, sig }], signed: metadata });
}

/** OLPC's canonical JSON: keys sorted, nothing between. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join(',')}}`;
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
