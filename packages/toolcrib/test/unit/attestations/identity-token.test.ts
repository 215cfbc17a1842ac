import { createServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { ambientIdentity } from '../../../src/attestations/identity-token.ts';
import { createTransfer } from '../../../src/transfer/transfer.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { failureOfAsync } from '../core/failure.ts';

const token = (claims: object): string =>
  [{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + '.c2ln';
const TOKEN = token({ sub: 'repo:acme/tools:ref:refs/heads/main' });
const BEARER = 'bearer-of-the-job';

/** GitHub's service for identity tokens, as far as a job sees it. */
async function startIssuer(answer: (url: URL, authorization: string | undefined) => { status: number; body: string }) {
  const server = createServer((request, response) => {
    const { status, body } = answer(new URL(request.url ?? '', 'http://issuer'), request.headers.authorization);
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const transfer = createTransfer({
    offline: false,
    rewrite: [],
    clock: systemClock,
    random: () => 0,
    retry: { attempts: 1, firstWaitMs: 1, longestWaitMs: 1 },
  });
  return {
    ask: () =>
      ambientIdentity(
        {
          ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/token?api-version=2`,
          ACTIONS_ID_TOKEN_REQUEST_TOKEN: BEARER,
        },
        transfer,
      )(undefined),
    async [Symbol.asyncDispose]() {
      await transfer.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('the identity of a job', () => {
  test('is asked of GitHub for Sigstore', async () => {
    const asked: unknown[] = [];
    await using issuer = await startIssuer((url, authorization) => {
      asked.push([url.pathname, Object.fromEntries(url.searchParams), authorization]);
      return { status: 200, body: JSON.stringify({ count: 1, value: TOKEN }) };
    });
    expect(await issuer.ask()).toBe(TOKEN);
    expect(asked).toEqual([['/token', { 'api-version': '2', audience: 'sigstore' }, `Bearer ${BEARER}`]]);
  });

  test.each([
    ['refuses', { status: 403, body: `{"message":"no ${BEARER}"}` }, 'REMOTE_REFUSED'],
    ['answers rubbish', { status: 200, body: `<html>${TOKEN}` }, 'MALFORMED'],
    ['answers without a token', { status: 200, body: `{"values":"${TOKEN}"}` }, 'MALFORMED'],
    ['answers another token', { status: 200, body: '{"value":"ghs_secret-of-another-kind"}' }, 'USAGE'],
    ['answers too much', { status: 200, body: `{"value":"${'a'.repeat(70_000)}"}` }, 'TOO_LARGE'],
  ])('is not there when GitHub %s, and no secret is told', async (_, answer, code) => {
    await using issuer = await startIssuer(() => answer);
    const error = await failureOfAsync(() => issuer.ask());
    expect(error.code).toBe(code);
    const told = JSON.stringify([error.message, error.hint, error.details, String(error.cause)]);
    for (const secret of [BEARER, TOKEN, 'ghs_secret']) expect(told).not.toContain(secret);
  });

  const unused = { send: () => Promise.reject(new Error('nobody is asked')) };

  test('is what SIGSTORE_ID_TOKEN holds, when it is a token', async () => {
    expect(await ambientIdentity({ SIGSTORE_ID_TOKEN: TOKEN }, unused)(undefined)).toBe(TOKEN);
    for (const wrong of ['secret', 'a.b.c', `${TOKEN}.d`, token({ aud: 'x' }), `${TOKEN} `]) {
      const error = await failureOfAsync(() => ambientIdentity({ SIGSTORE_ID_TOKEN: wrong }, unused)(undefined));
      expect([error.code, error.message]).toEqual(['USAGE', 'SIGSTORE_ID_TOKEN holds no identity token']);
    }
  });

  test('is nobody outside of a job', async () => {
    const error = await failureOfAsync(() =>
      ambientIdentity({ ACTIONS_ID_TOKEN_REQUEST_URL: 'https://x' }, unused)(undefined),
    );
    expect([error.code, error.hint]).toEqual(['USAGE', expect.stringContaining('id-token: write')]);
  });
});
