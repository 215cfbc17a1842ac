import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { publishRelease } from '../../../src/publish/publish-release.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import { verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { sourceOf } from '../../contract/store-contract.ts';
import { openTestHttpStore, startServe } from '../../servers/serve.ts';
import { bytesOf, createScratch } from '../../unit/disk/scratch.ts';
import { requestOf } from '../publish/release-fixture.ts';
import { connectTo, putHead, untilReceiving } from './raw-connection.ts';

const NAME = 'tool-amd64-v1';
const KILLS = 12;

describe('a server that is killed', () => {
  test('while it receives leaves nothing that a reader sees, and nothing at all after its next start', async () => {
    await using server = await startServe();
    const bytes = bytesOf(2_000_000);
    using connection = await connectTo(server.port);
    connection.socket.write(putHead(NAME, bytes.byteLength, server.token));
    connection.socket.write(bytes.subarray(0, 1_500_000));
    await untilReceiving(server.root);
    await server.end('SIGKILL');
    expect((await readdir(server.root)).filter((name) => !name.startsWith('.'))).toEqual([]);
    await server.restart();
    expect(await readdir(server.root)).toEqual([]);
    const store = openTestHttpStore(server.url, server.token);
    expect(await store.fetch(NAME)).toBeUndefined();
    expect(await store.create(NAME, sourceOf(bytes))).toBe('created');
    await store.close();
  });

  test('knows the digests of its files when it starts again', async () => {
    await using server = await startServe();
    const store = openTestHttpStore(server.url, server.token);
    const bytes = bytesOf(100_000);
    await store.create(NAME, sourceOf(bytes));
    await store.close();
    await server.end('SIGKILL');
    expect(await readdir(join(server.root, '.toolcrib-serve/digests-v1'))).toEqual([NAME]);
    await server.restart();
    const { headers } = await fetch(`${server.url}/${NAME}`, { method: 'HEAD' });
    expect(headers.get('x-artifact-sha256')).toBe(digestHex(digestOf(bytes)));
  });

  test(`at ${KILLS} points of a publication never shows a partial release, and a repeat completes it`, async () => {
    await using server = await startServe();
    await using scratch = await createScratch();
    const what = { store: server.url, folder: scratch.path, tool: 'tool', seed: 'a', bytes: 1_000_000 };
    let undisturbed = 0;
    let interrupted = 0;
    for (let version = 1; version <= KILLS + 1; version += 1) {
      const store = openTestHttpStore(server.url, server.token, {
        retry: { attempts: 1, firstWaitMs: 1, longestWaitMs: 1 },
      });
      const request = await requestOf({ ...what, version }, store);
      const start = performance.now();
      const publishing = publishRelease(request).then(
        () => true,
        () => false,
      );
      // The first one tells how long an undisturbed one takes.
      const killed = version > 1;
      if (killed) {
        await sleep((undisturbed * (version - 1.5)) / KILLS);
        await server.end('SIGKILL');
      }
      const done = await publishing;
      if (!killed) undisturbed = performance.now() - start;
      if (killed) await server.restart();
      const seen = await readRelease(store, { tool: 'tool', version });
      if (done) expect(seen).toBeDefined();
      else interrupted += 1;
      for (const file of seen?.manifest.files ?? []) await verifyStoredFile(store, file.name, file);
      const repeated = await publishRelease({ ...request, store });
      expect(repeated.complete).toBe(true);
      await store.close();
    }
    expect(interrupted).toBeGreaterThan(KILLS / 3);
    const left = (await readdir(server.root)).filter((name) => name.endsWith('.tmp'));
    expect(left).toEqual([]);
  });
});
