import { describe, expect, test } from 'vitest';
import { describeRoutes } from '../../servers/github/routes.ts';
import { startGithub, type GithubServer } from '../../servers/github/github-server.ts';
import { ok } from '../../servers/github/answers.ts';
import { WRITER } from './github-client.ts';

const HEADERS = {
  'user-agent': 'test',
  accept: 'application/vnd.github+json',
  'x-github-api-version': '2022-11-28',
  authorization: `Bearer ${WRITER}`,
};

/** Starts it, lets the test talk to it, and gives back what it held against the test. */
async function violationsOf(talk: (server: GithubServer) => Promise<unknown>, json?: object): Promise<string> {
  const route = {
    operation: 'GET /repos/{owner}/{repo}/releases/latest',
    access: 'read' as const,
    handle: () => ok({ ...json }),
  };
  const server = await startGithub({
    repositories: [{ name: 'octo-org/tools' }],
    tokens: { [WRITER]: 'write' },
    routes: [route],
  });
  await talk(server);
  return await server[Symbol.asyncDispose]().then(
    () => '',
    (error: unknown) => String(error),
  );
}

const ask =
  (path: string, request: RequestInit = {}) =>
  (server: GithubServer): Promise<Response> =>
    fetch(server.endpoint + path, { headers: HEADERS, ...request });

const RELEASES = '/api/v3/repos/octo-org/tools/releases';

describe('the stand-in for GitHub', () => {
  test('holds nothing against a request that is as GitHub describes it', async () => {
    expect(await violationsOf(ask(`${RELEASES}?per_page=3&page=1`))).toBe('');
    const body = JSON.stringify({ tag_name: 'v1', draft: true });
    const headers = { ...HEADERS, 'content-type': 'application/json' };
    expect(await violationsOf(ask(RELEASES, { method: 'POST', body, headers }))).toBe('');
  });

  test.each([
    ['an operation that is not there', `${RELEASES}/1/nothing`, {}, 'no such operation'],
    ['an unknown parameter', `${RELEASES}?perpage=3`, {}, 'there is no parameter perpage'],
    ['a parameter of another type', `${RELEASES}?page=first`, {}, 'parameter page: '],
    ['a release by its name', `${RELEASES}/seven`, {}, 'parameter release_id: '],
    ['no user agent', RELEASES, { headers: { ...HEADERS, 'user-agent': '' } }, 'no user agent'],
    ['no API version', RELEASES, { headers: { ...HEADERS, 'x-github-api-version': '2031-01-01' } }, 'no API version'],
    ['an upload to the API', `${RELEASES}/1/assets?name=a`, { method: 'POST', body: 'x' }, 'no such operation'],
    ['a body of another form', RELEASES, { method: 'POST', body: '{"tag":"v1"}' }, 'body: '],
    ['an unknown property', RELEASES, { method: 'POST', body: '{"tag_name":"v1","drafts":true}' }, 'drafts'],
    ['no body', RELEASES, { method: 'POST' }, 'needs a body'],
  ])('fails the test that asks for %s', async (_what, path, request: RequestInit, violation) => {
    const headers = { ...HEADERS, ...(request.body !== undefined && { 'content-type': 'application/json' }) };
    expect(await violationsOf(ask(path, { headers, ...request }))).toContain(violation);
  });

  test('fails the test whose own route answers what GitHub would not', async () => {
    expect(await violationsOf(ask(`${RELEASES}/latest`), { id: 1 })).toContain(
      "must have required property 'tag_name'",
    );
  });

  test('fails the test that shows a token to the hosts of bytes or of pages', async () => {
    expect(await violationsOf(ask('/octo-org/tools/releases/download/v1/a'))).toContain('was shown a token');
  });

  test('has no routes that GitHub does not have', () => {
    expect(() =>
      describeRoutes([{ operation: 'GET /repos/{owner}/{repo}/relics', access: 'read', handle: () => ok({}) }]),
    ).toThrow('has no GET /repos/{owner}/{repo}/relics');
  });
});
