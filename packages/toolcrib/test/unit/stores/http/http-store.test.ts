import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { digestHex, digestOf } from '../../../../src/core/digest.ts';
import { formatStoreListing } from '../../../../src/core/store-listing.ts';
import type { HttpStoreOptions } from '../../../../src/stores/http/http-store.ts';
import type { Store } from '../../../../src/stores/store.ts';
import { sourceOf } from '../../../contract/store-contract.ts';
import { openTestHttpStore } from '../../../servers/serve.ts';
import { failureOfAsync } from '../../core/failure.ts';

const NAME = 'tool-amd64-v1';
const TOKEN = 'c0ffee'.repeat(8);
const BYTES = Buffer.from('the bytes');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface StandIn extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly IncomingMessage[];
  open(more?: Partial<HttpStoreOptions>): Store;
}

/** A server that answers requests in turn, the last answer again and again. */
async function standIn(...answers: readonly Answer[]): Promise<StandIn> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)];
    asked.push(request);
    request.resume().on('end', () => answer?.(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  return {
    url,
    asked,
    open: (more) => openTestHttpStore(`${url}/tools/`, TOKEN, more),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}, body = ''): Answer =>
  (_, response) =>
    response.writeHead(code, headers).end(body);
const reset: Answer = (_, response) => response.socket?.resetAndDestroy();
const create = (store: Store): Promise<string> => store.create(NAME, sourceOf(BYTES));

describe('an HTTP store', () => {
  test('creates by one conditional PUT that says digest and length and who it is', async () => {
    await using server = await standIn(status(201));
    expect(await create(server.open())).toBe('created');
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]).toMatchObject({ method: 'PUT', url: `/tools/${NAME}` });
    expect(server.asked[0]?.headers).toMatchObject({
      'if-none-match': '*',
      authorization: `Bearer ${TOKEN}`,
      'content-length': String(BYTES.byteLength),
      'x-artifact-sha256': digestHex(digestOf(BYTES)),
    });
  });

  test('shows its token to nobody who only gives out files', async () => {
    await using server = await standIn(
      status(200, { 'content-length': '1' }, 'x'),
      status(200, {}, formatStoreListing([{ name: NAME, size: 1, digest: digestOf('x') }])),
    );
    const store = server.open();
    expect(await store.fetch(NAME)).toMatchObject({ size: 1, url: `${server.url}/tools/${NAME}` });
    expect(await store.list('')).toEqual([NAME]);
    expect(server.asked.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      [`/tools/${NAME}`, undefined],
      ['/tools/', undefined],
    ]);
  });

  test.each([403, 404, 410])(
    'takes an anonymous %d for a file that is not there, and tells where and whether it may be hidden',
    async (code) => {
      await using server = await standIn(status(code));
      const onMissing = vi.fn();
      expect(await server.open().fetch(NAME, { onMissing })).toBeUndefined();
      const url: unknown = expect.stringContaining(`/tools/${NAME}`);
      expect(onMissing.mock.calls).toEqual([[{ url, isHidden: code === 403 }]]);
    },
  );

  test('finds by looking what became of a file when the answer was lost', async () => {
    await using server = await standIn(reset, status(200, { 'content-length': '9' }));
    expect(await create(server.open())).toBe('exists');
    expect(server.asked.map(({ method }) => method)).toEqual(['PUT', 'HEAD']);
  });

  test('tries again when it was not there, and when nobody could say', async () => {
    await using server = await standIn(reset, status(404), status(503), reset, status(201));
    expect(await create(server.open())).toBe('created');
    expect(server.asked.map(({ method }) => method)).toEqual(['PUT', 'HEAD', 'PUT', 'HEAD', 'PUT']);
  });

  test('gives up in the end', async () => {
    await using server = await standIn(status(503));
    const failure = await failureOfAsync(() => create(server.open()));
    expect(failure).toMatchObject({ code: 'UNREACHABLE', details: { status: 503 } });
    await using gone = await standIn(reset);
    expect(await failureOfAsync(() => create(gone.open()))).toMatchObject({ code: 'UNREACHABLE' });
  });

  test.each([
    [401, 'this is not the token', /answered 401: this is not the token$/, /does not take this TOOLCRIB_HTTP_TOKEN/],
    [413, '', /answered 413$/, /--max-file-bytes/],
    [405, '<html>\u001b[31m no\n</html>', /answered 405: <html>\\x1b\[31m no <\/html>$/, /If-None-Match/],
    [200, '', /answered 200$/, /may have replaced a file/],
    [204, '', /answered 204$/, /may have replaced a file/],
  ])('is refused with %d and %j', async (code, words, message, hint) => {
    await using server = await standIn(status(code, {}, words));
    const failure = await failureOfAsync(() => create(server.open()));
    expect(failure).toMatchObject({ code: 'REMOTE_REFUSED', details: { status: code } });
    expect(failure.message).toMatch(message);
    expect(failure.hint).toMatch(hint);
    expect(server.asked).toHaveLength(1);
  });

  test('says that a token is needed when it has none', async () => {
    await using server = await standIn(status(401));
    const failure = await failureOfAsync(() => create(server.open({ token: undefined })));
    expect(failure.hint).toContain(`set TOOLCRIB_HTTP_TOKEN, and TOOLCRIB_HTTP_TOKEN_ORIGIN=${server.url}`);
    expect(server.asked[0]?.headers.authorization).toBeUndefined();
  });

  test.each(['two\nlines', 'a b', 'ä', ' '])(
    'refuses the token %j before it asks, and does not show it',
    async (token) => {
      await using server = await standIn(status(201));
      const failure = await failureOfAsync(() => create(server.open({ token })));
      expect(failure).toMatchObject({ code: 'USAGE', message: 'TOOLCRIB_HTTP_TOKEN is not one line without blanks' });
      expect(server.asked).toHaveLength(0);
    },
  );

  test('never shows a token that a server repeats, wherever its words are cut', async () => {
    for (const before of [0, 100, 280, 299, 300, 301, 340]) {
      await using server = await standIn(status(400, {}, `${'-'.repeat(before)}${TOKEN}${'-'.repeat(9)}${TOKEN}`));
      const failure = await failureOfAsync(() => create(server.open()));
      expect(inspect(failure, { depth: 9 })).not.toContain(TOKEN.slice(0, 8));
      expect(failure.message.length).toBeLessThan(500);
    }
  });

  test('follows no redirect with a file, nor a rewrite rule', async () => {
    await using other = await standIn(status(201));
    await using server = await standIn(status(307, { location: `${other.url}/${NAME}` }));
    const rewrite = [{ from: server.url, to: other.url }];
    for (const store of [server.open(), server.open({ rewrite })]) {
      expect(await failureOfAsync(() => create(store))).toMatchObject({ code: 'REMOTE_REFUSED' });
    }
    expect(server.asked).toHaveLength(2);
    expect(other.asked).toEqual([]);
  });

  test('can read a plain file server, and says that it cannot list one', async () => {
    for (const answer of [status(404), status(403), status(200, {}, '<html>index</html>'), status(200, {}, '{}')]) {
      await using server = await standIn(answer);
      const failure = await failureOfAsync(() => server.open().list(''));
      expect(failure).toMatchObject({ code: 'REMOTE_REFUSED' });
      expect(failure.hint).toMatch(/can be read from, but not published to or listed/);
    }
  });

  test('takes only names of files from a listing', async () => {
    const names = ['b-amd64-v1', '../up', 'a b', '.hidden', 'a-amd64-v1', ''];
    const listing = formatStoreListing(names.map((name) => ({ name, size: 1, digest: digestOf(name) })));
    await using server = await standIn(status(503), status(200, {}, listing));
    expect(await server.open().list('')).toEqual(['a-amd64-v1', 'b-amd64-v1']);
  });

  test('asks again for a listing that breaks off, and says in the end that it does', async () => {
    const listing = formatStoreListing([{ name: NAME, size: 1, digest: digestOf('x') }]);
    const brokenOff: Answer = (_, response) => {
      response.writeHead(200, { 'content-length': String(listing.length) });
      response.write(listing.slice(0, 20), () => response.socket?.resetAndDestroy());
    };
    await using server = await standIn(brokenOff, brokenOff, status(200, {}, listing));
    expect(await server.open().list('')).toEqual([NAME]);
    expect(server.asked).toHaveLength(3);
    await using broken = await standIn(brokenOff);
    expect(await failureOfAsync(() => broken.open().list(''))).toMatchObject({ code: 'UNREACHABLE' });
    expect(broken.asked).toHaveLength(4);
  });

  test('opens no connection when it is offline', async () => {
    await using server = await standIn(status(201));
    const store = server.open({ offline: true });
    for (const work of [() => create(store), () => store.fetch(NAME), () => store.list('')]) {
      expect(await failureOfAsync(work)).toMatchObject({ code: 'OFFLINE' });
    }
    expect(server.asked).toHaveLength(0);
  });
});
