import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { onePiece } from '../../../src/core/one-piece.ts';
import { githubAddresses } from '../../../src/github/addresses.ts';
import type { Github } from '../../../src/github/client.ts';
import { refused, secondaryLimit } from '../../servers/github/answers.ts';
import type { GithubFault, GithubServer } from '../../servers/github/github-server.ts';
import { openClient, quickClock, READER, rememberingReporter, REPOSITORY, startTools } from './github-client.ts';

const release = z.object({ id: z.int(), tag_name: z.string() });
const READ = { needs: 'contents: read' };
const WRITE = { needs: 'contents: write' };

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    (value) => expect.fail(`it did not fail: ${inspect(value)}`),
    (error: unknown) => error,
  );
}

const createDraft = (github: Github, tag: string, signal?: AbortSignal): Promise<{ id: number }> =>
  github.request('POST /repos/{owner}/{repo}/releases', { ...REPOSITORY, tag_name: tag, draft: true }, release, {
    ...WRITE,
    repeatable: true,
    signal,
  });

const list = (github: Github, signal?: AbortSignal): Promise<unknown> =>
  github.request('GET /repos/{owner}/{repo}/releases', REPOSITORY, z.array(release), { ...READ, signal });

/** The same fault for the first requests, then none. */
function failing(server: GithubServer, fault: GithubFault, times: number): void {
  let left = times;
  server.fault = () => ((left -= 1) >= 0 ? fault : undefined);
}

describe('the addresses of GitHub', () => {
  test('are those of GitHub.com, or below an Enterprise server', () => {
    expect(githubAddresses(undefined)).toEqual({
      api: 'https://api.github.com',
      uploads: 'https://uploads.github.com',
      web: 'https://github.com',
    });
    expect(githubAddresses('https://github.example.com')).toEqual({
      api: 'https://github.example.com/api/v3',
      uploads: 'https://github.example.com/api/uploads',
      web: 'https://github.example.com',
    });
  });
});

describe('a request to GitHub', () => {
  test('gives what its schema names', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint);
    const { id } = await createDraft(github, 'tool-v1');
    const found = await github.request(
      'GET /repos/{owner}/{repo}/releases/{release_id}',
      { ...REPOSITORY, release_id: id },
      release,
      READ,
    );
    expect(found).toEqual({ id, tag_name: 'tool-v1' });
    await github.close();
  });

  test('tells what is missing and what is invalid without throwing, where it was asked and not demanded', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint);
    const tag = { ...REPOSITORY, tag: 'tool-v1' };
    const missing = await github.ask('GET /repos/{owner}/{repo}/releases/tags/{tag}', tag, release, READ);
    expect(missing).toMatchObject({ kind: 'missing', refusal: { code: 'REMOTE_REFUSED', details: { status: 404 } } });
    const published = { ...REPOSITORY, tag_name: 'tool-v1' };
    await github.request('POST /repos/{owner}/{repo}/releases', published, release, WRITE);
    const invalid = await github.ask('POST /repos/{owner}/{repo}/releases', published, release, WRITE);
    expect(invalid).toMatchObject({
      kind: 'invalid',
      problems: [{ code: 'already_exists', field: 'tag_name' }],
      refusal: { code: 'REMOTE_REFUSED', details: { status: 422 } },
    });
    await github.close();
  });

  test('goes on through every page that GitHub names', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint);
    for (let version = 1; version <= 5; version += 1) await createDraft(github, `tool-v${version}`);
    const tags: string[][] = [];
    const parameters = { ...REPOSITORY, per_page: 2 };
    for await (const page of github.pages('GET /repos/{owner}/{repo}/releases', parameters, z.array(release), READ)) {
      tags.push(page.map(({ tag_name }) => tag_name));
    }
    expect(tags).toEqual([['tool-v5', 'tool-v4'], ['tool-v3', 'tool-v2'], ['tool-v1']]);
    await github.close();
  });

  test('says which answer is none of GitHub', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint);
    failing(server, { kind: 'answer', answer: { status: 200, json: { login: true } } }, 1);
    expect(await failureOf(list(github))).toMatchObject({ code: 'MALFORMED' });
    await github.close();
  });

  test('is not made when offline', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint, { offline: true });
    expect(await failureOf(list(github))).toMatchObject({ code: 'OFFLINE' });
    expect(server.requests).toEqual([]);
    await github.close();
  });

  test('names the new place of a repository that was renamed', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint);
    const headers = { location: `${server.endpoint}/api/v3/repositories/1/releases` };
    failing(server, { kind: 'answer', answer: { status: 307, headers, json: { message: 'Moved Permanently' } } }, 1);
    const failure = await failureOf(createDraft(github, 'tool-v1'));
    expect(failure).toMatchObject({ code: 'REMOTE_REFUSED', hint: expect.stringContaining('renamed') as string });
    await github.close();
  });
});

describe('what GitHub refuses', () => {
  test('has its own words, and the permission that is needed', async () => {
    await using server = await startTools();
    const anonymous = openClient(server.endpoint, {}, { token: undefined });
    expect(await failureOf(createDraft(anonymous, 'tool-v1'))).toMatchObject({
      code: 'REMOTE_REFUSED',
      message: expect.stringMatching(/answered 401: Requires authentication$/) as string,
      hint: expect.stringContaining('"contents: write"') as string,
    });
    const reader = openClient(server.endpoint, {}, { token: READER });
    expect(await failureOf(createDraft(reader, 'tool-v1'))).toMatchObject({
      code: 'REMOTE_REFUSED',
      message: expect.stringMatching(/answered 403: Resource not accessible by personal access token$/) as string,
      hint: 'the token needs the permission "contents: write" (GitHub: contents=write) for this repository',
    });
    const stranger = openClient(server.endpoint, {}, { token: 'ghp_nobodyKnowsThisOne0123456789' });
    expect(await failureOf(list(stranger))).toMatchObject({
      message: expect.stringMatching(/answered 401: Bad credentials$/) as string,
      hint: expect.stringContaining('has expired') as string,
    });
    await Promise.all([anonymous, reader, stranger].map((github) => github.close()));
  });

  test('never shows the token, wherever a server puts it', async () => {
    await using server = await startTools();
    const notices = rememberingReporter();
    const token = 'a-token-that-looks-like-nothing-special';
    const github = openClient(server.endpoint, { reporter: notices }, { token });
    const failures: unknown[] = [];
    for (const status of [400, 401, 403, 404, 409, 418, 422, 429, 500, 503]) {
      const json = {
        message: `I saw Bearer ${token}`,
        errors: [{ resource: token, code: token, field: token, message: `and ${token}` }],
        documentation_url: `https://docs.github.com/?${token}`,
      };
      server.fault = () => ({
        kind: 'answer',
        answer: { status, json, headers: { 'x-accepted-github-permissions': token } },
      });
      failures.push(await failureOf(list(github)), await failureOf(createDraft(github, 'tool-v1')));
      failures.push(
        await github.download('/repos/octo-org/tools/releases/assets/1', READ).catch((error: unknown) => error),
      );
    }
    server.fault = () => ({ kind: 'drop' });
    failures.push(await failureOf(list(github)));
    expect(server.requests.every(({ headers }) => headers.authorization === `Bearer ${token}`)).toBe(true);
    expect(inspect([failures, notices.notices], { depth: Infinity, showHidden: true })).not.toContain(token);
    await github.close();
  });
});

describe('a request that fails for a while', () => {
  test.each([
    ['502', { kind: 'answer', answer: refused(502, 'Bad Gateway') }],
    ['a broken connection', { kind: 'drop' }],
    ['a lost answer', { kind: 'drop-answer' }],
  ] as const)('is made again after %s, and every wait is told', async (_what, fault) => {
    await using server = await startTools();
    const reporter = rememberingReporter();
    const clock = quickClock();
    const github = openClient(server.endpoint, { reporter, clock });
    failing(server, fault, 3);
    expect(await list(github)).toEqual([]);
    expect(server.requests).toHaveLength(4);
    expect(clock.waits).toEqual([225, 450, 900]);
    expect(reporter.notices.map(({ text }) => /attempt \d of 4 in .* s$/.exec(text)?.[0])).toEqual([
      'attempt 2 of 4 in 0.2 s',
      'attempt 3 of 4 in 0.5 s',
      'attempt 4 of 4 in 0.9 s',
    ]);
    await github.close();
  });

  test('ends after four attempts with what happened last', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint);
    failing(server, { kind: 'answer', answer: refused(503, 'No server is available') }, 9);
    expect(await failureOf(list(github))).toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(/answered 503: No server is available$/) as string,
    });
    expect(server.requests).toHaveLength(4);
    failing(server, { kind: 'drop' }, 9);
    expect(await failureOf(list(github))).toMatchObject({ code: 'UNREACHABLE', details: { network: 'ECONNRESET' } });
    await github.close();
  });

  test('is made once where a second one would make a second thing', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint);
    failing(server, { kind: 'drop-answer' }, 1);
    const parameters = { ...REPOSITORY, tag_name: 'tool-v1', draft: true };
    const creating = github.request('POST /repos/{owner}/{repo}/releases', parameters, release, WRITE);
    expect(await failureOf(creating)).toMatchObject({ code: 'UNREACHABLE' });
    expect(server.requests).toHaveLength(1);
    await github.close();
  });

  test('does not hide why its body broke', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint);
    const { id } = await createDraft(github, 'tool-v1');
    const broken = new Error('the disk broke');
    const body = { size: 9, open: () => breakingOff(broken) };
    const asset = { ...REPOSITORY, release_id: id, name: 'tool-amd64-v1' };
    expect(await failureOf(github.uploadAsset(asset, body, z.unknown(), WRITE))).toBe(broken);
    await github.close();
  });
});

async function* breakingOff(error: Error): AsyncGenerator<Uint8Array> {
  yield* onePiece(Buffer.from('half'));
  throw error;
}

describe('the limits of GitHub', () => {
  test('are waited for when that is short, and the wait is told', async () => {
    await using server = await startTools();
    const reporter = rememberingReporter();
    const clock = quickClock();
    const github = openClient(server.endpoint, { reporter, clock });
    failing(server, { kind: 'answer', answer: secondaryLimit(17) }, 2);
    expect(await list(github)).toEqual([]);
    expect(clock.waits).toEqual([17_000, 17_000]);
    expect(reporter.notices[0]?.text).toBe(
      "GET /repos/{owner}/{repo}/releases has to wait for GitHub's secondary rate limit; again in 17.0 s",
    );
    await github.close();
  });

  test('are an error that names the time when it is long, and when it comes again and again', async () => {
    await using server = await startTools();
    const clock = quickClock();
    const github = openClient(server.endpoint, { clock });
    server.state.remaining = 0;
    const until = new Date(server.state.reset * 1000).toISOString();
    expect(await failureOf(list(github))).toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining(`(primary rate limit, until ${until})`) as string,
      details: { status: 403, rateLimit: 'primary', until },
    });
    expect(clock.waits).toEqual([]);
    server.state.remaining = undefined;
    failing(server, { kind: 'answer', answer: secondaryLimit(5) }, 9);
    expect(await failureOf(list(github))).toMatchObject({ code: 'UNREACHABLE', details: { rateLimit: 'secondary' } });
    expect(clock.waits).toEqual([5000, 5000]);
    await github.close();
  });

  test('are waited for also where bytes are asked for', async () => {
    await using server = await startTools();
    const clock = quickClock();
    const github = openClient(server.endpoint, { clock });
    failing(server, { kind: 'answer', answer: secondaryLimit(17) }, 1);
    expect(await github.download('/repos/octo-org/tools/releases/assets/1', READ)).toBeUndefined();
    expect(clock.waits).toEqual([17_000]);
    server.state.remaining = 0;
    const failure = await failureOf(github.download('/repos/octo-org/tools/releases/assets/1', READ));
    expect(failure).toMatchObject({ code: 'UNREACHABLE', details: { rateLimit: 'primary' } });
    await github.close();
  });

  test('are kept by pauses between requests that write', async () => {
    await using server = await startTools();
    const clock = quickClock();
    const github = openClient(server.endpoint, { clock });
    const { id } = await createDraft(github, 'tool-v1');
    await createDraft(github, 'tool-v2');
    const parameters = { ...REPOSITORY, release_id: id };
    await github.request('DELETE /repos/{owner}/{repo}/releases/{release_id}', parameters, z.unknown(), WRITE);
    await list(github);
    expect(clock.waits).toEqual([1000, 2000]);
    await github.close();
  });
});

describe('an abort', () => {
  const reason = new Error('the user pressed Ctrl-C');

  test('ends a request before it is made', async () => {
    await using server = await startTools();
    const github = openClient(server.endpoint);
    expect(await failureOf(list(github, AbortSignal.abort(reason)))).toBe(reason);
    expect(server.requests).toEqual([]);
    await github.close();
  });

  test.each([
    ['for an answer', undefined],
    ['for another attempt', { kind: 'drop' }],
    ['for a limit', { kind: 'answer', answer: secondaryLimit(60) }],
  ] as const)('ends a request that waits %s', async (_what, fault) => {
    await using server = await startTools();
    const controller = new AbortController();
    const clock = {
      ...quickClock(),
      sleep: (_ms: number, signal?: AbortSignal) =>
        new Promise<void>((_resolve, reject) => {
          signal?.addEventListener('abort', () => {
            reject(reason);
          });
          controller.abort(reason);
        }),
    };
    const github = openClient(server.endpoint, { clock });
    server.fault = () => {
      if (fault === undefined) controller.abort(reason);
      return fault;
    };
    expect(await failureOf(list(github, controller.signal))).toBe(reason);
    expect(server.requests).toHaveLength(1);
    await github.close();
  });
});
