import { createServer, type Server } from 'node:http';
import { describe, expect, test } from 'vitest';
import { openS3Store } from '../../../src/stores/s3/s3-store.ts';
import type { Store } from '../../../src/stores/store.ts';
import { sourceOf } from '../../contract/store-contract.ts';
import { s3Options, s3Reference } from '../../contract/store-s3-client.ts';
import { listen } from '../transfer/proxy-server.ts';

const PAGE = '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>';
const OBJECT = `<Contents><Key>${'k'.repeat(60_000)}</Key></Contents>`;

/** Sends the beginning of an answer, and then the same again for as long as anybody takes it; nothing more for ''. */
function endless(status: number, first: string, again: string): { server: Server; sent: () => number } {
  let sent = 0;
  const server = createServer((request, response) => {
    request.resume();
    response.on('error', () => undefined);
    response.writeHead(status, { 'content-type': 'application/xml' }).write(first);
    const send = (): void => {
      while (!response.destroyed) {
        sent += again.length;
        if (!response.write(again)) return;
      }
    };
    if (again === '') return;
    response.on('drain', send);
    send();
  });
  return { server, sent: () => sent };
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** What comes of asking such a server, and how many bytes it got rid of. */
async function asking(
  [status, first, again]: readonly [number, string, string],
  ask: (store: Store) => Promise<unknown>,
): Promise<{ failure: unknown; sent: number }> {
  const { server, sent } = endless(status, first, again);
  await using listening = await listen(server);
  const store = openS3Store(s3Reference('bucket', { endpoint: listening.url }), s3Options);
  const failure = await failureOf(ask(store));
  await store.close();
  return { failure, sent: sent() };
}

describe('an S3 server whose answer does not end', () => {
  test.each([
    ['a page of a listing', [200, PAGE, OBJECT], (store) => store.list('')],
    [
      'an error while listing',
      [403, '<Error><Code>AccessDenied</Code><Message>', 'x'.repeat(60_000)],
      (store) => store.list(''),
    ],
    ['an error while reading', [403, '<Error><Code>', 'x'.repeat(60_000)], (store) => store.fetch('tool-amd64-v1')],
    [
      'an error while writing',
      [403, '<Error>', 'x'.repeat(60_000)],
      (store) => store.create('tool-amd64-v1', sourceOf(Buffer.from('x'))),
    ],
    [
      'the answer to writing',
      [200, '', 'x'.repeat(60_000)],
      (store) => store.create('tool-amd64-v1', sourceOf(Buffer.from('x'))),
    ],
  ] as const satisfies readonly (readonly [
    string,
    readonly [number, string, string],
    (store: Store) => Promise<unknown>,
  ])[])('is read no further than an answer can go: %s', async (_, answer, ask) => {
    const { failure, sent } = await asking(answer, ask);
    expect(failure).toMatchObject({ code: 'TOO_LARGE', details: { maxBytes: 8 * 1024 * 1024 } });
    expect(sent).toBeLessThan(32 * 1024 * 1024);
  });

  test('ends with the reason of who asked, when they have enough', async () => {
    const { server } = endless(200, PAGE, '');
    await using listening = await listen(server);
    const store = openS3Store(s3Reference('bucket', { endpoint: listening.url }), s3Options);
    const aborter = new AbortController();
    const listed = failureOf(store.list('', { signal: aborter.signal }));
    server.once('request', () => setImmediate(() => aborter.abort(new Error('enough'))));
    expect(await listed).toMatchObject({ message: 'enough' });
    await store.close();
  });
});
