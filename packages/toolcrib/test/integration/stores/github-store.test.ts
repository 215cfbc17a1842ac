import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { publishRelease, type PublishRequest } from '../../../src/publish/publish-release.ts';
import { verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import { openGithubStore, type GithubStoreOptions } from '../../../src/stores/github/github-store.ts';
import type { Store } from '../../../src/stores/store.ts';
import { bytesOf, sourceOf } from '../../contract/store-contract.ts';
import {
  githubOptions,
  githubReference,
  openTestGithubStore,
  OWNER_TOKEN,
  READER_TOKEN,
  REPOSITORY,
} from '../../contract/store-github-client.ts';
import { refused, secondaryLimit } from '../../servers/github/answers.ts';
import { startGithub, type GithubFault, type GithubServer } from '../../servers/github/github-server.ts';
import type { RepositorySettings } from '../../servers/github/state.ts';
import { startFileServer } from '../../servers/http.ts';
import { quickClock, rememberingReporter } from '../../unit/github/github-client.ts';
import { finishedOf, releaseOfSeed, type SampleRelease } from '../../contract/store-release.ts';
import { requestOf } from '../publish/release-fixture.ts';

const NAME = 'tool-amd64-any-v1';
const TOKENS = { [OWNER_TOKEN]: 'write', [READER_TOKEN]: 'read' } as const;

const start = (settings: Partial<RepositorySettings> = {}): Promise<GithubServer> =>
  startGithub({ repositories: [{ name: REPOSITORY, ...settings }], tokens: TOKENS });

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    (value) => expect.fail(`it did not fail: ${inspect(value)}`),
    (error: unknown) => error,
  );
}

interface PublishSettings {
  readonly version?: number;
  readonly seed?: string;
  readonly commit?: string;
  readonly notes?: string;
  /** How many artifacts it has. */
  readonly targets?: number;
}

/** Publishes one version through a store of its own; whoever calls it again is another process. */
async function publish(
  github: GithubServer,
  options: Partial<GithubStoreOptions> & PublishSettings = {},
): Promise<PublishRequest> {
  const { version = 1, seed = 'one', commit = null, notes = '', targets = 3, ...settings } = options;
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-github-'));
  const store = openTestGithubStore(github.endpoint, settings);
  try {
    const all = await requestOf({ store: '', folder, tool: 'tool', version, seed, bytes: 3000 }, store);
    const request = { ...all, targets: all.targets.slice(0, targets), artifacts: all.artifacts.slice(0, targets) };
    await publishRelease({ ...request, notes, source: { commit, date: null } });
    return request;
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
}

/** What somebody without a token sees: nothing, or a release of which every byte is right. */
async function seenByAll(github: GithubServer, version = 1): Promise<boolean> {
  const reader = openTestGithubStore(github.endpoint, { token: undefined });
  const release = await readRelease(reader, { tool: 'tool', version });
  for (const file of release?.manifest.files ?? []) await verifyStoredFile(reader, file.name, file);
  await reader.close();
  return release !== undefined;
}

async function use(store: Store, work: (store: Store) => Promise<void>): Promise<void> {
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

describe('what is public on GitHub', () => {
  test('is fetched without the API and without a token', async () => {
    await using github = await start();
    await publish(github);
    const before = github.requests.length;
    await use(openTestGithubStore(github.endpoint), async (store) => {
      expect((await bytesOf(await store.fetch(NAME))).byteLength).toBe(3000);
    });
    expect(github.requests.slice(before).map(({ host }) => host)).toEqual(['web', 'objects']);
  });

  test('comes from a mirror where a rule says so, which sees no token', async () => {
    await using github = await start();
    await using mirror = await startFileServer({
      [`/mirror/${REPOSITORY}/releases/download/tool-v1/${NAME}`]: 'mirrored',
    });
    const rewrite = [{ from: github.endpoint, to: `${mirror.url}/mirror` }];
    await use(openTestGithubStore(github.endpoint, { rewrite }), async (store) => {
      const file = await store.fetch(NAME);
      expect(file?.url).toBe(`${mirror.url}/mirror/${REPOSITORY}/releases/download/tool-v1/${NAME}`);
      expect((await bytesOf(file)).toString()).toBe('mirrored');
    });
    expect(github.requests).toEqual([]);
    expect(JSON.stringify(mirror.requests)).not.toContain(OWNER_TOKEN);
  });

  test('is not what a server shows that wants people to log in', async () => {
    await using github = await start();
    await publish(github);
    github.fault = ({ host, path }) => {
      if (host !== 'web') return undefined;
      if (path.startsWith('/login')) return { kind: 'answer', answer: { status: 200, bytes: Buffer.from('<html>') } };
      return { kind: 'answer', answer: { status: 302, headers: { location: `${github.endpoint}/login?return_to=x` } } };
    };
    await use(openTestGithubStore(github.endpoint), async (store) => {
      expect((await bytesOf(await store.fetch(NAME))).byteLength).toBe(3000);
    });
    await use(openTestGithubStore(github.endpoint, { token: undefined }), async (store) => {
      expect(await store.fetch(NAME)).toBeUndefined();
    });
  });

  test('has no signed list of revoked releases, and is not asked for one', async () => {
    await using github = await start();
    await use(openTestGithubStore(github.endpoint), async (store) => {
      expect(await store.fetch('tool.revoked.json')).toBeUndefined();
    });
    expect(github.requests).toEqual([]);
  });
});

describe('what is not public on GitHub', () => {
  test('is seen by who may read the repository, and by nobody else', async () => {
    await using github = await start({ private: true });
    await publish(github);
    await use(openTestGithubStore(github.endpoint, { token: READER_TOKEN }), async (store) => {
      expect((await bytesOf(await store.fetch(NAME))).byteLength).toBe(3000);
      expect(await store.list('tool-')).toHaveLength(5);
    });
    await use(openTestGithubStore(github.endpoint, { token: undefined }), async (store) => {
      expect(await store.fetch(NAME)).toBeUndefined();
      expect(await failureOf(store.list(''))).toMatchObject({ code: 'REMOTE_REFUSED', details: { status: 404 } });
    });
  });

  test('is a draft to who may write only', async () => {
    await using github = await start();
    await use(openTestGithubStore(github.endpoint), (store) =>
      store.create(NAME, sourceOf(Buffer.from('draft'))).then(() => undefined),
    );
    for (const token of [READER_TOKEN, undefined]) {
      await use(openTestGithubStore(github.endpoint, { token }), async (store) => {
        expect(await store.fetch(NAME)).toBeUndefined();
        expect(await store.list('')).toEqual([]);
      });
    }
    await use(openTestGithubStore(github.endpoint), async (store) => {
      expect((await bytesOf(await store.fetch(NAME))).toString()).toBe('draft');
      expect(await store.list('')).toEqual([NAME]);
    });
  });
});

describe('a release on GitHub', () => {
  test('has its tag on the commit that it was built from, its notes, and is never "latest"', async () => {
    const commit = 'beef000000000000000000000000000000000002';
    await using github = await start({ commits: [commit] });
    await publish(github, { commit, notes: 'what changed' });
    const { tags, releases } = github.repository(REPOSITORY);
    expect(tags.get('tool-v1')).toBe(commit);
    expect(releases).toMatchObject([{ tag: 'tool-v1', name: 'tool-v1', body: 'what changed', draft: false }]);
    expect(releases[0]?.assets.map(({ name }) => name)).toContain('tool-v1.json');
  });

  test('has its tag on the default branch, and says so, when GitHub does not have the commit', async () => {
    await using github = await start();
    const reporter = rememberingReporter();
    await publish(github, { commit: 'dead000000000000000000000000000000000003', reporter });
    expect(github.repository(REPOSITORY).tags.get('tool-v1')).toMatch(/^c0ffee/);
    expect(reporter.notices.filter(({ kind }) => kind === 'warning').map(({ text }) => text)).toEqual([
      expect.stringMatching(/^GitHub does not put the tag tool-v1 on dead0+3/),
      expect.stringContaining('lets the release tool-v1 be changed later'),
    ]);
  });

  test('that is immutable needs no warning', async () => {
    await using github = await start({ immutableReleases: true });
    const reporter = rememberingReporter();
    await publish(github, { reporter });
    expect(reporter.notices.filter(({ kind }) => kind === 'warning')).toEqual([]);
    expect(github.repository(REPOSITORY).releases).toMatchObject([{ immutable: true, draft: false }]);
    await publish(github);
    expect(await failureOf(publish(github, { seed: 'two' }))).toMatchObject({ code: 'VERSION_TAKEN' });
  });

  test('has the tag that was asked for, whatever the tool is called', async () => {
    await using github = await start();
    const reference = githubReference(github.endpoint, { tag: 'tool-support' });
    await use(openGithubStore(reference, githubOptions), async (store) => {
      await store.create('tool-amd64-v2', sourceOf(Buffer.from('x')));
      expect(await store.list('tool-')).toEqual(['tool-amd64-v2']);
    });
    expect(github.repository(REPOSITORY).releases.map(({ tag }) => tag)).toEqual(['tool-support-v2']);
  });

  test('is listed among hundreds, and none of the product’s own', async () => {
    await using github = await start();
    const { releases } = github.repository(REPOSITORY);
    const blank = {
      name: null,
      body: null,
      prerelease: false,
      immutable: false,
      createdIn: 0,
      targetCommitish: 'main',
    };
    for (let id = 1; id <= 250; id += 1) {
      const asset = { state: 'uploaded' as const, contentType: 'x/y', bytes: Buffer.from('x'), digest: null };
      const named = (name: string): (typeof releases)[number]['assets'][number] => ({
        ...asset,
        name,
        id: 5000 + id,
        createdAt: github.state.now(),
      });
      const dates = { createdAt: github.state.now(), publishedAt: github.state.now() };
      releases.push(
        { ...blank, ...dates, id, tag: `tool-v${id}`, draft: false, assets: [named(`tool-amd64-v${id}`)] },
        { ...blank, ...dates, id: id + 300, tag: `v1.${id}`, draft: false, assets: [named(`tool-amd64-v${id}`)] },
      );
    }
    await use(openTestGithubStore(github.endpoint, { token: undefined }), async (store) => {
      expect(await store.list('tool-')).toHaveLength(250);
      expect(await store.list('tool-amd64-v25')).toEqual(['tool-amd64-v25', 'tool-amd64-v250']);
    });
    expect(github.requests.filter(({ path }) => path.includes('page=')).length).toBe(10);
  });

  test('is not added to once it is published', async () => {
    await using github = await start();
    await publish(github);
    await use(openTestGithubStore(github.endpoint), async (store) => {
      expect(await store.create(NAME, sourceOf(Buffer.from('other')))).toBe('exists');
      expect(await failureOf(store.create('tool-arm64-musl-v1', sourceOf(Buffer.from('more'))))).toMatchObject({
        code: 'VERSION_TAKEN',
      });
    });
    expect(github.repository(REPOSITORY).releases[0]?.assets).toHaveLength(5);
  });

  test('comes from one draft, however many begin one at the same time', async () => {
    await using github = await start();
    const stores = Array.from({ length: 16 }, () => openTestGithubStore(github.endpoint));
    const contents = stores.map((_store, index) => Buffer.from(`publisher ${index}`));
    const outcomes = await Promise.all(
      stores.map((store, index) => store.create(NAME, sourceOf(contents[index] ?? Buffer.alloc(1)))),
    );
    expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    const winner = contents[outcomes.indexOf('created')];
    for (const store of stores) expect(await bytesOf(await store.fetch(NAME))).toEqual(winner);
    expect(github.repository(REPOSITORY).releases).toHaveLength(1);
    await Promise.all(stores.map((store) => store.close()));
  });
});

describe('who may not publish to GitHub', () => {
  test.each([
    ['nobody in particular', undefined, /needs a token, and there is none$/],
    ['who may read', READER_TOKEN, /answered 403: Resource not accessible by personal access token$/],
    ['a token that expired', 'ghp_expired0123456789abcdefghijklmnopqrs', /answered 401: Bad credentials$/],
  ])('learns what permission is needed: %s', async (_who, token, message) => {
    await using github = await start();
    await use(openTestGithubStore(github.endpoint, { token }), async (store) => {
      expect(await failureOf(store.create(NAME, sourceOf(Buffer.from('x'))))).toMatchObject({
        code: 'REMOTE_REFUSED',
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(/"contents: (?:write|read)"/) as string,
      });
    });
    expect(github.repository(REPOSITORY).releases).toEqual([]);
  });

  test('learns that there is no such repository', async () => {
    await using github = await start();
    const reference = githubReference(github.endpoint, { repository: 'octo-org/other' });
    await use(openGithubStore(reference, githubOptions), async (store) => {
      expect(await failureOf(store.create(NAME, sourceOf(Buffer.from('x'))))).toMatchObject({
        code: 'REMOTE_REFUSED',
        message: expect.stringMatching(/repos\/octo-org\/other\/.* answered 404: Not Found$/) as string,
      });
    });
  });
});

describe('bytes that are not what they have to be', () => {
  test('are found out when they come from GitHub changed', async () => {
    await using github = await start();
    await publish(github);
    github.fault = ({ host }) => (host === 'objects' ? { kind: 'wrong-bytes' } : undefined);
    expect(await failureOf(seenByAll(github))).toMatchObject({ code: 'MALFORMED' });
    await use(openTestGithubStore(github.endpoint, { token: undefined }), async (store) => {
      const expected = { digest: digestOf('right'), size: 3000 };
      expect(await failureOf(verifyStoredFile(store, NAME, expected))).toMatchObject({ code: 'DIGEST_MISMATCH' });
    });
  });

  test('are found out when somebody put others in the place of an asset', async () => {
    await using github = await start();
    const { artifacts } = await publish(github);
    const asset = github.repository(REPOSITORY).releases[0]?.assets.find(({ name }) => name === artifacts[0]?.name);
    if (asset === undefined || artifacts[0] === undefined) throw new Error('the release has no artifact');
    asset.bytes = Buffer.alloc(3000, 7);
    await use(openTestGithubStore(github.endpoint), async (store) => {
      expect(await failureOf(verifyStoredFile(store, asset.name, artifacts[0] ?? expect.fail()))).toMatchObject({
        code: 'DIGEST_MISMATCH',
      });
    });
    expect(await failureOf(publish(github))).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test('are refused before they are read where GitHub itself measured others', async () => {
    await using github = await start({ private: true });
    await publish(github);
    await use(openTestGithubStore(github.endpoint), async (store) => {
      expect(await failureOf(store.fetch(NAME, { digest: digestOf('other') }))).toMatchObject({
        code: 'DIGEST_MISMATCH',
      });
    });
    expect(github.requests.at(-1)?.host).not.toBe('objects');
  });

  test('are taken away again when GitHub keeps others than were sent', async () => {
    await using github = await start();
    const kept = { id: 77, node_id: 'RA_77', name: NAME, label: '', state: 'uploaded', content_type: 'x/y', size: 5 };
    github.fault = ({ host }) => {
      if (host !== 'uploads') return undefined;
      const json = { ...kept, digest: digestOf('other'), download_count: 0 };
      return { kind: 'answer', answer: { status: 201, json } };
    };
    await use(openTestGithubStore(github.endpoint), async (store) => {
      const failure = await failureOf(store.create(NAME, sourceOf(Buffer.from('right'))));
      expect(failure).toMatchObject({ code: 'DIGEST_MISMATCH', details: { actual: digestOf('other') } });
    });
    expect(github.requests.at(-1)).toMatchObject({ method: 'DELETE', path: `/repos/${REPOSITORY}/releases/assets/77` });
  });
});

describe('an upload that broke off', () => {
  test('is repeated by who began it', async () => {
    await using github = await start();
    let breaks = 2;
    github.fault = ({ host }) => {
      if (host !== 'uploads' || (breaks -= 1) < 0) return undefined;
      return { kind: 'answer', answer: refused(502, 'Bad Gateway') };
    };
    await use(openTestGithubStore(github.endpoint), async (store) => {
      expect(await store.create(NAME, sourceOf(Buffer.from('whole')))).toBe('created');
      expect((await bytesOf(await store.fetch(NAME))).toString()).toBe('whole');
    });
  });

  test('is waited for, and then taken away, by another', async () => {
    await using github = await start();
    await use(openTestGithubStore(github.endpoint), (store) =>
      store.create('tool-v1.SHA256SUMS', sourceOf(Buffer.from('claim'))).then(() => undefined),
    );
    github.repository(REPOSITORY).releases[0]?.assets.push({
      ...{ id: 88, name: NAME, state: 'starter', contentType: 'x/y', bytes: Buffer.alloc(0), digest: null },
      createdAt: github.state.now(),
    });
    const reporter = rememberingReporter();
    await use(openTestGithubStore(github.endpoint, { reporter, foreignUploadMs: 60 }), async (store) => {
      expect(await store.fetch(NAME)).toBeUndefined();
      expect(await store.list('')).toEqual(['tool-v1.SHA256SUMS']);
      expect(await store.create(NAME, sourceOf(Buffer.from('whole')))).toBe('created');
    });
    expect(reporter.notices[0]?.text).toMatch(/is being uploaded by somebody, or was not finished: waiting/);
    expect(github.repository(REPOSITORY).releases[0]?.assets.map(({ state }) => state)).toEqual([
      'uploaded',
      'uploaded',
    ]);
  });

  test('is the other one’s to finish, when that is what happens', async () => {
    await using github = await start();
    const stores = [openTestGithubStore(github.endpoint), openTestGithubStore(github.endpoint)];
    const large = Buffer.alloc(40_000_000, 1);
    const outcomes = await Promise.all(stores.map((store) => store.create(NAME, sourceOf(large))));
    expect(outcomes.sort()).toEqual(['created', 'exists']);
    expect(github.requests.filter(({ method }) => method === 'DELETE').length).toBeLessThanOrEqual(1);
    await Promise.all(stores.map((store) => store.close()));
  });
});

describe('a publication to GitHub that is interrupted', () => {
  test('at any request shows nobody a part of a release, and is completed by repeating it', async () => {
    await using undisturbed = await start();
    await publish(undisturbed, { targets: 1 });
    const all = undisturbed.requests.length;
    expect(all).toBeGreaterThan(20);
    let last = -1;
    const next = async (): Promise<void> => {
      while ((last += 1) < all) await interruptedAfter(last);
    };
    await Promise.all(Array.from({ length: 6 }, next));
  });

  /** As if the publisher had been killed: nothing comes of any later request. */
  async function interruptedAfter(last: number): Promise<void> {
    await using github = await start();
    github.fault = ({ number }): GithubFault | undefined => (number > last ? { kind: 'drop' } : undefined);
    const retry = { attempts: 1, firstWaitMs: 1, longestWaitMs: 1 };
    await failureOf(publish(github, { retry, targets: 1 }));
    github.fault = () => undefined;
    const { releases } = github.repository(REPOSITORY);
    expect(await seenByAll(github)).toBe(releases.some(({ draft }) => !draft));
    await publish(github, { targets: 1, foreignUploadMs: 20 });
    expect(await seenByAll(github)).toBe(true);
    expect(releases.filter(({ draft }) => draft)).toEqual([]);
  }

  test('by lost connections, lost answers, errors and limits goes on by itself', async () => {
    const faults: readonly GithubFault[] = [
      { kind: 'drop' },
      { kind: 'drop-answer' },
      { kind: 'answer', answer: refused(502, 'Bad Gateway') },
      { kind: 'answer', answer: secondaryLimit(1) },
    ];
    for (const fault of faults) {
      await using github = await start();
      github.fault = ({ number, host }) => (number % 3 === 0 && host !== 'web' ? fault : undefined);
      const retry = { attempts: 6, firstWaitMs: 1, longestWaitMs: 2 };
      const patience = { longestLimitWaitMs: 2000, limitWaits: 5, writePauseMs: 0, notifyPauseMs: 0 };
      await publish(github, { retry, patience, clock: quickClock() });
      github.fault = () => undefined;
      expect(await seenByAll(github)).toBe(true);
    }
  });

  test('leaves no second draft when the answer to the first one was lost', async () => {
    await using github = await start();
    let lost = false;
    github.fault = ({ method, path }) => {
      if (lost || method !== 'POST' || !path.endsWith('/releases')) return undefined;
      lost = true;
      return { kind: 'drop-answer' };
    };
    await publish(github);
    expect(github.repository(REPOSITORY).releases).toMatchObject([{ tag: 'tool-v1', draft: false }]);
  });
});

describe('a publisher that lost on GitHub', () => {
  test('learns it when another’s draft was published first, and takes its own away', async () => {
    await using github = await start();
    github.state.listingLag = 1000; // neither sees the other's draft
    const results = await Promise.allSettled([publish(github, { seed: 'one' }), publish(github, { seed: 'two' })]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = results.find(({ status }) => status === 'rejected');
    expect(Reflect.get(lost ?? {}, 'reason')).toMatchObject({ code: 'VERSION_TAKEN' });
    expect(github.repository(REPOSITORY).releases).toHaveLength(1);
    expect(await seenByAll(github)).toBe(true);
  });

  test('is none when the other published the same bytes', async () => {
    await using github = await start();
    github.state.listingLag = 1000;
    await Promise.all([publish(github), publish(github)]);
    expect(github.repository(REPOSITORY).releases).toHaveLength(1);
    expect(await seenByAll(github)).toBe(true);
  });

  test('learns it from a draft that holds another’s claim', async () => {
    await using github = await start();
    github.fault = ({ method }) => (method === 'PATCH' ? { kind: 'drop' } : undefined);
    await failureOf(publish(github, { seed: 'one' }));
    github.fault = () => undefined;
    expect(await failureOf(publish(github, { seed: 'two' }))).toMatchObject({ code: 'VERSION_TAKEN' });
    expect(await seenByAll(github)).toBe(false);
    await publish(github, { seed: 'one' });
    expect(await seenByAll(github)).toBe(true);
  });
});

describe('the last step of a publication to GitHub', () => {
  const createAll = async (store: Store, release: SampleRelease): Promise<void> => {
    for (const [name, source] of release.files) await store.create(name, source);
  };

  test('says "lost" when the release of another stands under the tag', async () => {
    await using github = await start();
    github.state.listingLag = 1000; // neither sees the other's draft
    const [first, second] = [openTestGithubStore(github.endpoint), openTestGithubStore(github.endpoint)];
    const [one, two] = [releaseOfSeed('one', 1), releaseOfSeed('two', 1)];
    await createAll(first, one);
    await createAll(second, two);
    expect(await first.complete(finishedOf(one))).toBe('complete');
    expect(await second.complete(finishedOf(two))).toBe('lost');
    expect(await first.complete(finishedOf(one))).toBe('complete');
    await Promise.all([first.close(), second.close()]);
  });

  test('says so also when the other was first while this one was at it', async () => {
    await using github = await start();
    github.state.listingLag = 1000;
    const [first, second] = [openTestGithubStore(github.endpoint), openTestGithubStore(github.endpoint)];
    const [one, two] = [releaseOfSeed('one', 1), releaseOfSeed('two', 1)];
    await createAll(first, one);
    await createAll(second, two);
    const mine = github.repository(REPOSITORY).releases[0];
    github.fault = ({ method, path }) => {
      // Published behind the back of the second, which has looked and found nothing.
      if (method === 'PATCH' && mine !== undefined && !path.endsWith(`/${mine.id}`)) mine.draft = false;
      return undefined;
    };
    expect(await second.complete(finishedOf(two))).toBe('lost');
    expect(github.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(1);
    await Promise.all([first.close(), second.close()]);
  });

  test.each([
    ['lost a file', 'REMOTE_REFUSED'],
    ['has a file of another size', 'SIZE_MISMATCH'],
    ['has other bytes', 'DIGEST_MISMATCH'],
  ])('publishes nothing when the draft %s meanwhile', async (how, code) => {
    await using github = await start();
    const release = releaseOfSeed('one', 1);
    await use(openTestGithubStore(github.endpoint), async (store) => {
      await createAll(store, release);
      const [draft] = github.repository(REPOSITORY).releases;
      const asset = draft?.assets.find(({ name }) => name === 'tool-amd64-v1');
      if (draft === undefined || asset === undefined) throw new Error('there is no draft');
      const bytes = how.includes('size') ? Buffer.from('x') : Buffer.from(asset.bytes).reverse();
      if (how.startsWith('lost')) draft.assets = draft.assets.filter((each) => each !== asset);
      else Object.assign(asset, { bytes, digest: digestOf(bytes) });
      expect(await failureOf(store.complete(finishedOf(release)))).toMatchObject({ code });
      expect(draft.draft).toBe(true);
    });
  });
});

describe('the token for GitHub', () => {
  test('is seen by the API and the uploads only, and in nothing that is said', async () => {
    await using github = await start({ private: true });
    const reporter = rememberingReporter();
    await publish(github, { reporter });
    const said: unknown[] = [reporter.notices];
    const { releases } = github.repository(REPOSITORY);
    said.push(await failureOf(publish(github, { seed: 'two', reporter })));
    for (const host of ['api', 'uploads', 'objects', 'web'] as const) {
      const message = `who sent ${OWNER_TOKEN}?`;
      github.fault = (seen) =>
        seen.host === host ? { kind: 'answer', answer: refused(403, message, { 'x-told': OWNER_TOKEN }) } : undefined;
      said.push(await publish(github, { version: 2, reporter }).catch((error: unknown) => error));
    }
    expect(releases.length).toBeGreaterThan(0);
    expect(inspect(said, { depth: Infinity, showHidden: true })).not.toContain(OWNER_TOKEN);
    const shown = github.requests.filter((request) => JSON.stringify(request).includes(OWNER_TOKEN));
    expect([...new Set(shown.map(({ host }) => host))].sort()).toEqual(['api', 'uploads']);
  });
});
