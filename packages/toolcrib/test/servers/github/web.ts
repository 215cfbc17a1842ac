import { randomBytes } from 'node:crypto';
import type { Answer } from './answers.ts';
import type { GithubHosts } from './routes.ts';
import type { Asset, GithubState } from './state.ts';

/** A link to an asset's bytes on the other origin, as GitHub signs them. */
export function objectLocation(state: GithubState, hosts: GithubHosts, asset: Asset): string {
  const path = `/assets/${asset.id}`;
  state.objects.set(path, asset.bytes);
  return `${hosts.objects}${path}?sig=${randomBytes(12).toString('hex')}`;
}

/** What github.com itself answers to everybody who shows no token. */
export function webAnswer(state: GithubState, hosts: GithubHosts, { path }: { readonly path: string }): Answer {
  const repository = /^\/([^/]+\/[^/]+)\.git\/info\/refs\?service=git-upload-pack$/.exec(path)?.[1];
  return repository === undefined ? assetAnswer(state, hosts, path) : refsAnswer(state, decodeURIComponent(repository));
}

/** What git asks first (gitprotocol-http(5)): of a private repository GitHub says no more than of one that is not there. */
function refsAnswer(state: GithubState, repository: string): Answer {
  if (state.repositories.get(repository.toLowerCase())?.private !== false) {
    return { status: 401, headers: { 'www-authenticate': 'Basic realm="GitHub"' } };
  }
  const bytes = Buffer.from('001e# service=git-upload-pack\n00000000');
  return { status: 200, headers: { 'content-type': 'application/x-git-upload-pack-advertisement' }, bytes };
}

/** `/{owner}/{repo}/releases/download/{tag}/{name}`: public assets of published releases, for everybody. */
function assetAnswer(state: GithubState, hosts: GithubHosts, path: string): Answer {
  const match = /^\/([^/]+\/[^/]+)\/releases\/download\/([^/]+)\/([^/?]+)$/.exec(path);
  const [repository = '', tag = '', name = ''] = (match ?? []).slice(1).map(decodeURIComponent);
  const found = state.repositories.get(repository.toLowerCase());
  const release = found?.private === false ? found.releases.find((each) => !each.draft && each.tag === tag) : undefined;
  const asset = release?.assets.find((each) => each.name === name && each.state === 'uploaded');
  if (asset === undefined) return { status: 404, bytes: Buffer.from('Not Found') };
  return { status: 302, headers: { location: objectLocation(state, hosts, asset) } };
}
