import type { IncomingMessage } from 'node:http';
import { digestOf } from '../../../src/core/digest.ts';
import { invalid, noContent, notFound, ok, paginated, refused, type Answer } from './answers.ts';
import type { JsonObject } from './json-schema.ts';
import type { GithubCall, Route } from './routes.ts';
import type { Asset, Release } from './state.ts';
import { objectLocation } from './web.ts';

/** Releases and their assets: GitHub's documentation, "REST API endpoints for releases" and "for release assets". */
export const releaseRoutes: readonly Route[] = [
  { operation: 'GET /repos/{owner}/{repo}/releases', access: 'read', handle: listReleases },
  { operation: 'POST /repos/{owner}/{repo}/releases', access: 'write', handle: createRelease },
  { operation: 'GET /repos/{owner}/{repo}/releases/tags/{tag}', access: 'read', handle: releaseByTag },
  { operation: 'GET /repos/{owner}/{repo}/releases/{release_id}', access: 'read', handle: releaseById },
  { operation: 'PATCH /repos/{owner}/{repo}/releases/{release_id}', access: 'write', handle: updateRelease },
  { operation: 'DELETE /repos/{owner}/{repo}/releases/{release_id}', access: 'write', handle: deleteRelease },
  { operation: 'GET /repos/{owner}/{repo}/releases/{release_id}/assets', access: 'read', handle: listAssets },
  { operation: 'POST /repos/{owner}/{repo}/releases/{release_id}/assets', access: 'write', handle: uploadAsset },
  { operation: 'GET /repos/{owner}/{repo}/releases/assets/{asset_id}', access: 'read', handle: assetById },
  { operation: 'DELETE /repos/{owner}/{repo}/releases/assets/{asset_id}', access: 'write', handle: deleteAsset },
];

/** The newest first; drafts only for those who may write. */
function listReleases(call: GithubCall): Answer {
  const { state, repository, mayWrite } = call;
  const isListed = ({ draft, createdIn }: Release): boolean =>
    !draft || (mayWrite && state.made - createdIn >= state.listingLag);
  const seen = repository.releases.filter(isListed).sort((a, b) => b.id - a.id);
  return paginated(
    seen.map((release) => releaseView(release, call)),
    call.url,
  );
}

function createRelease(call: GithubCall): Answer {
  const { state, repository, body } = call;
  const release: Release = {
    id: state.nextId(),
    tag: text(body['tag_name']) ?? '',
    targetCommitish: text(body['target_commitish']) ?? repository.defaultBranch,
    name: text(body['name']) ?? null,
    body: text(body['body']) ?? null,
    draft: body['draft'] === true,
    prerelease: body['prerelease'] === true,
    immutable: false,
    createdAt: state.now(),
    createdIn: state.made,
    publishedAt: null,
    assets: [],
  };
  const refusal = release.draft ? undefined : publish(release, call);
  if (refusal !== undefined) return refusal;
  repository.releases.push(release);
  return {
    status: 201,
    json: releaseView(release, call),
    headers: { location: apiUrl(call, `releases/${release.id}`) },
  };
}

function releaseByTag(call: GithubCall): Answer {
  const found = call.repository.releases.find(({ draft, tag }) => !draft && tag === call.parameters['tag']);
  return found === undefined ? notFound() : ok(releaseView(found, call));
}

function releaseById(call: GithubCall): Answer {
  const release = visibleRelease(call);
  return release === undefined ? notFound() : ok(releaseView(release, call));
}

function updateRelease(call: GithubCall): Answer {
  const release = visibleRelease(call);
  if (release === undefined) return notFound();
  const { body } = call;
  const changed: Release = {
    ...release,
    tag: text(body['tag_name']) ?? release.tag,
    targetCommitish: text(body['target_commitish']) ?? release.targetCommitish,
    name: text(body['name']) ?? release.name,
    body: text(body['body']) ?? release.body,
    draft: typeof body['draft'] === 'boolean' ? body['draft'] : release.draft,
  };
  if (release.immutable && (changed.tag !== release.tag || changed.draft)) {
    return invalid({ resource: 'Release', code: 'custom', message: 'an immutable release keeps its tag' });
  }
  const refusal = release.draft && !changed.draft ? publish(changed, call) : undefined;
  if (refusal !== undefined) return refusal;
  Object.assign(release, changed);
  return ok(releaseView(release, call));
}

/** Makes a tag of it. @returns why not. */
function publish(release: Release, { state, repository }: GithubCall): Answer | undefined {
  const taken = repository.releases.some(({ id, draft, tag }) => id !== release.id && !draft && tag === release.tag);
  if (taken) return invalid({ resource: 'Release', code: 'already_exists', field: 'tag_name' });
  if (repository.usedTags.has(release.tag)) {
    const message = 'tag_name was used by an immutable release';
    return invalid({ resource: 'Release', code: 'custom', field: 'tag_name', message });
  }
  const commit =
    release.targetCommitish === repository.defaultBranch ? [...repository.commits][0] : release.targetCommitish;
  if (commit === undefined || !repository.commits.has(commit)) {
    return invalid({ resource: 'Release', code: 'invalid', field: 'target_commitish' });
  }
  if (!repository.tags.has(release.tag)) repository.tags.set(release.tag, commit);
  release.publishedAt = state.now();
  release.immutable = repository.immutableReleases;
  if (release.immutable) repository.usedTags.add(release.tag);
  return undefined;
}

/** The tag stays, as on GitHub. */
function deleteRelease(call: GithubCall): Answer {
  const release = visibleRelease(call);
  if (release === undefined) return notFound();
  call.repository.releases = call.repository.releases.filter((each) => each !== release);
  return noContent();
}

function listAssets(call: GithubCall): Answer {
  const release = visibleRelease(call);
  if (release === undefined) return notFound();
  return paginated(
    release.assets.map((asset) => assetView(asset, release, call)),
    call.url,
  );
}

/** The asset is there from the beginning as a `starter`, and stays one when its bytes do not come whole. */
async function uploadAsset(call: GithubCall): Promise<Answer> {
  const { request, parameters, state } = call;
  const release = visibleRelease(call);
  const refusal = release === undefined ? notFound() : uploadRefusal(release, call);
  if (release === undefined || refusal !== undefined) {
    request.resume();
    return refusal ?? notFound();
  }
  const asset: Asset = {
    id: state.nextId(),
    name: storedName(String(parameters['name'])),
    state: 'starter',
    contentType: request.headers['content-type'] ?? '',
    bytes: Buffer.alloc(0),
    digest: null,
    createdAt: state.now(),
  };
  release.assets.push(asset);
  const bytes = await wholeBody(request);
  if (bytes === undefined) return refused(502, 'Bad Gateway');
  if (!release.assets.includes(asset)) return notFound();
  Object.assign(asset, { state: 'uploaded', bytes, digest: digestOf(bytes) });
  return { status: 201, json: assetView(asset, release, call) };
}

function uploadRefusal(release: Release, { parameters, request }: GithubCall): Answer | undefined {
  const name = storedName(String(parameters['name']));
  if (release.immutable) {
    return invalid({
      resource: 'ReleaseAsset',
      code: 'custom',
      message: 'Cannot upload assets to an immutable release.',
    });
  }
  if (release.assets.some((asset) => asset.name === name)) {
    return invalid({ resource: 'ReleaseAsset', code: 'already_exists', field: 'name' });
  }
  if (Number(request.headers['content-length']) < 1) {
    const message = 'size must be greater than or equal to 1';
    return invalid({ resource: 'ReleaseAsset', code: 'custom', field: 'size', message });
  }
  return undefined;
}

/** GitHub renames: what is not alphanumeric or one of `._+-` becomes a period, and none stays at the ends. */
function storedName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._+-]+/g, '.').replaceAll(/^\.+|\.+$/g, '');
}

/** Undefined when the connection broke. */
async function wholeBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Uint8Array[] = [];
  try {
    const body: AsyncIterable<Uint8Array> = request;
    for await (const piece of body) pieces.push(piece);
  } catch {
    return undefined;
  }
  return Buffer.concat(pieces);
}

function assetById(call: GithubCall): Answer {
  const found = visibleAsset(call);
  if (found === undefined) return notFound();
  const wantsBytes = call.request.headers.accept === 'application/octet-stream';
  if (!wantsBytes) return ok(assetView(found.asset, found.release, call));
  if (found.asset.state !== 'uploaded') return notFound();
  return { status: 302, headers: { location: objectLocation(call.state, call.hosts, found.asset) } };
}

function deleteAsset(call: GithubCall): Answer {
  const found = visibleAsset(call);
  if (found === undefined) return notFound();
  if (found.release.immutable) {
    return invalid({
      resource: 'ReleaseAsset',
      code: 'custom',
      message: 'Cannot delete assets of an immutable release.',
    });
  }
  found.release.assets = found.release.assets.filter((each) => each !== found.asset);
  return noContent();
}

function visibleRelease({ repository, parameters, mayWrite }: GithubCall): Release | undefined {
  return repository.releases.find(({ id, draft }) => id === parameters['release_id'] && (!draft || mayWrite));
}

function visibleAsset({ repository, parameters, mayWrite }: GithubCall) {
  for (const release of repository.releases.filter(({ draft }) => !draft || mayWrite)) {
    const asset = release.assets.find(({ id }) => id === parameters['asset_id']);
    if (asset !== undefined) return { release, asset };
  }
  return undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function apiUrl({ hosts, repository }: GithubCall, path: string): string {
  return `${hosts.api}/repos/${repository.owner}/${repository.name}/${path}`;
}

function releaseView(release: Release, call: GithubCall): JsonObject {
  const { hosts, repository } = call;
  const web = `${hosts.web}/${repository.owner}/${repository.name}/releases`;
  const url = apiUrl(call, `releases/${release.id}`);
  const page = release.draft ? `untagged-${release.id.toString(16)}` : release.tag;
  return {
    url,
    html_url: `${web}/tag/${page}`,
    assets_url: `${url}/assets`,
    upload_url: `${hosts.uploads}/repos/${repository.owner}/${repository.name}/releases/${release.id}/assets{?name,label}`,
    tarball_url: release.draft ? null : apiUrl(call, `tarball/${release.tag}`),
    zipball_url: release.draft ? null : apiUrl(call, `zipball/${release.tag}`),
    id: release.id,
    node_id: `RE_${release.id}`,
    tag_name: release.tag,
    target_commitish: release.targetCommitish,
    name: release.name,
    body: release.body,
    draft: release.draft,
    prerelease: release.prerelease,
    immutable: release.immutable,
    created_at: release.createdAt,
    published_at: release.publishedAt,
    author: userView(call),
    assets: release.assets.map((asset) => assetView(asset, release, call)),
  };
}

function assetView(asset: Asset, release: Release, call: GithubCall): JsonObject {
  const { hosts, repository } = call;
  return {
    url: apiUrl(call, `releases/assets/${asset.id}`),
    browser_download_url: `${hosts.web}/${repository.owner}/${repository.name}/releases/download/${release.tag}/${asset.name}`,
    id: asset.id,
    node_id: `RA_${asset.id}`,
    name: asset.name,
    label: '',
    state: asset.state,
    content_type: asset.contentType,
    size: asset.bytes.byteLength,
    digest: asset.digest,
    download_count: 0,
    created_at: asset.createdAt,
    updated_at: asset.createdAt,
    uploader: userView(call),
  };
}

/** Whoever it is: nothing here depends on that. */
export function userView({ hosts }: Pick<GithubCall, 'hosts'>, login = 'octocat', id = 1): JsonObject {
  const url = `${hosts.api}/users/${login}`;
  return {
    login,
    id,
    node_id: `U_${id}`,
    avatar_url: `${hosts.web}/images/${login}.gif`,
    gravatar_id: '',
    url,
    html_url: `${hosts.web}/${login}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: 'User',
    site_admin: false,
  };
}
