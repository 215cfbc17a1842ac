import * as z from 'zod/mini';
import { isDigest, type Digest } from '../core/digest.ts';
import '../core/schema-messages.ts';
import type { RequestBody } from '../transfer/request-body.ts';
import type { Download } from '../transfer/transfer.ts';
import { demand, type Github, type GithubCallOptions, type GithubReply } from './client.ts';

/** A file of a release, as GitHub tells it. */
export interface GithubAsset {
  readonly id: number;
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** False while its bytes come, and for ever when they never came whole. */
  readonly uploaded: boolean;
  /** What GitHub measured; undefined where it does not say it. Never believed alone. */
  readonly digest: Digest | undefined;
}

export interface GithubRelease {
  readonly id: number;
  /** Its tag, or the one that a draft will get. */
  readonly tag: string;
  readonly draft: boolean;
  /** Whether GitHub lets nobody change it; undefined where it does not say it. */
  readonly immutable: boolean | undefined;
  readonly assets: readonly GithubAsset[];
}

/** What a draft becomes when it is published. */
export interface Publication {
  readonly tag: string;
  /** Markdown. */
  readonly notes: string;
  /** The commit that a new tag is put on; undefined: that of the default branch. */
  readonly commit: string | undefined;
}

interface Options {
  readonly signal?: AbortSignal | undefined;
}

/** The releases of one repository. All throw what {@link Github.request} does. */
export interface GithubReleases {
  /** All that these credentials see, drafts too where they may write. */
  list(options: Options): AsyncGenerator<GithubRelease>;
  /** A published one. */
  byTag(tag: string, options: Options): Promise<GithubRelease | undefined>;
  byId(id: number, options: Options): Promise<GithubRelease | undefined>;
  createDraft(tag: string, options: Options): Promise<GithubRelease>;
  publish(id: number, publication: Publication, options: Options): Promise<GithubReply<GithubRelease>>;
  /** Not an error when it is not there. */
  remove(id: number, options: Options): Promise<void>;
  /** One attempt; see {@link Github.uploadAsset}. */
  upload(id: number, name: string, body: RequestBody, options: Options): Promise<GithubReply<GithubAsset>>;
  /** @returns undefined when it is not there. */
  openAsset(id: number, options: Options): Promise<Download | undefined>;
  /** Not an error when it is not there. */
  removeAsset(id: number, options: Options): Promise<void>;
}

const assetSchema = z.pipe(
  z.object({
    id: z.int(),
    name: z.string(),
    size: z.int(),
    state: z.string(),
    digest: z.nullish(z.string()),
  }),
  z.transform(({ id, name, size, state, digest }): GithubAsset => ({
    id,
    name,
    size,
    uploaded: state === 'uploaded',
    digest: typeof digest === 'string' && isDigest(digest) ? digest : undefined,
  })),
);

const releaseSchema = z.pipe(
  z.object({
    id: z.int(),
    tag_name: z.string(),
    name: z.nullish(z.string()),
    draft: z.boolean(),
    immutable: z.optional(z.boolean()),
    assets: z.array(assetSchema),
  }),
  z.transform(({ id, tag_name, name, draft, immutable, assets }): GithubRelease => ({
    id,
    tag: tagOf(tag_name, name ?? '', draft),
    draft,
    immutable,
    assets,
  })),
);

/** GitHub sometimes gives a draft a tag of its own making, as its web page shows it; its name is the tag then. */
function tagOf(tag: string, name: string, draft: boolean): string {
  return draft && /^untagged-[0-9a-f]+$/.test(tag) && name !== '' ? name : tag;
}

const nothing = z.unknown();
const READ = 'contents: read';
const WRITE = 'contents: write';

/** GitHub's documentation, "REST API endpoints for releases" and "REST API endpoints for release assets". */
export function githubReleases(github: Github, owner: string, repo: string): GithubReleases {
  const repository = { owner, repo };
  const options = (needs: string, { signal }: Options): GithubCallOptions => ({ needs, signal });
  return {
    async *list(given) {
      const parameters = { ...repository, per_page: 100 };
      const page = z.array(releaseSchema);
      yield* flat(github.pages('GET /repos/{owner}/{repo}/releases', parameters, page, options(READ, given)));
    },
    async byTag(tag, given) {
      const route = 'GET /repos/{owner}/{repo}/releases/tags/{tag}';
      return found(await github.ask(route, { ...repository, tag }, releaseSchema, options(READ, given)));
    },
    async byId(id, given) {
      const route = 'GET /repos/{owner}/{repo}/releases/{release_id}';
      const parameters = { ...repository, release_id: id };
      return found(await github.ask(route, parameters, releaseSchema, options(READ, given)));
    },
    async createDraft(tag, given) {
      const parameters = { ...repository, tag_name: tag, name: tag, draft: true };
      // Twice is no harm: of several drafts for a tag one is used.
      const call = { ...options(WRITE, given), repeatable: true };
      return await github.request('POST /repos/{owner}/{repo}/releases', parameters, releaseSchema, call);
    },
    async publish(id, { tag, notes, commit }, given) {
      const parameters = {
        ...repository,
        release_id: id,
        tag_name: tag,
        name: tag,
        body: notes,
        draft: false,
        // "Latest" is what people download from a repository's page: the product, not its tools.
        make_latest: 'false' as const,
        ...(commit !== undefined && { target_commitish: commit }),
      };
      const route = 'PATCH /repos/{owner}/{repo}/releases/{release_id}';
      return await github.ask(route, parameters, releaseSchema, options(WRITE, given));
    },
    async remove(id, given) {
      const route = 'DELETE /repos/{owner}/{repo}/releases/{release_id}';
      found(await github.ask(route, { ...repository, release_id: id }, nothing, options(WRITE, given)));
    },
    upload: (id, name, body, given) =>
      github.uploadAsset({ ...repository, release_id: id, name }, body, assetSchema, options(WRITE, given)),
    openAsset: (id, given) =>
      github.download(`/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}/releases/assets/${id}`, {
        ...options(READ, given),
        accept: 'application/octet-stream',
      }),
    async removeAsset(id, given) {
      const route = 'DELETE /repos/{owner}/{repo}/releases/assets/{asset_id}';
      found(await github.ask(route, { ...repository, asset_id: id }, nothing, options(WRITE, given)));
    },
  };
}

/** @returns undefined for what is not there. @throws any other refusal. */
function found<T>(reply: GithubReply<T>): T | undefined {
  return reply.kind === 'missing' ? undefined : demand(reply);
}

async function* flat<T>(pages: AsyncIterable<readonly T[]>): AsyncGenerator<T> {
  for await (const page of pages) yield* page;
}
