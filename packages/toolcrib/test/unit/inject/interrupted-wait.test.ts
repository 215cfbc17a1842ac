import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import type { Notice, Reporter } from '../../../src/core/reporter.ts';
import { createHost, systemClock } from '../../../src/flows/host.ts';
import { openSandbox } from '../../../src/flows/open-sandbox.ts';
import { dataArtifact } from '../../../src/inject/data-artifact.ts';
import { ejectTool } from '../../../src/inject/eject-tool.ts';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import { tellingInterruptedWait } from '../../../src/inject/interrupted-wait.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import { createScratch } from '../disk/scratch.ts';

/** A user who presses Ctrl-C and waits two seconds, which a clock makes short; resolves with what is told then. */
function user() {
  const interrupt = new AbortController();
  const told: Notice[] = [];
  const heard = Promise.withResolvers<Notice>();
  const reporter: Reporter = {
    notice: (notice) => {
      told.push(notice);
      heard.resolve(notice);
    },
    progress: () => ({ advance: () => undefined, end: () => undefined }),
  };
  const sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms === 2000 ? 1 : ms, signal);
  const clock = { ...systemClock, sleep };
  const press = async () => {
    interrupt.abort(new Error('Ctrl-C'));
    return await heard.promise;
  };
  return { told, press, context: { reporter, clock, signal: interrupt.signal } };
}

const WAITING = {
  kind: 'warning',
  text: expect.stringMatching(/^interrupted, and waiting for an answer of /) as string,
  hint: expect.stringContaining('Ctrl-C again ends at once') as string,
};

async function localSite() {
  const scratch = await createScratch();
  await mkdir(join(scratch.path, 'box'));
  const sandbox = await openLocalSandbox(join(scratch.path, 'box'), { env: {} });
  const bytes = Buffer.from('bytes');
  const artifact = await dataArtifact({ tool: 'probe', name: 'file', bytes, digest: digestOf(bytes) });
  const request = { sandbox, ledger: join(scratch.path, 'ledger'), install: ['/opt'], artifact };
  return { request, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
}

describe('an interrupt while a sandbox does not answer', () => {
  test('is answered once with what is waited for, when an injection stands still', async () => {
    await using at = await localSite();
    const { told, press, context } = user();
    const begun = Promise.withResolvers<undefined>();
    const stalled = Promise.withResolvers<never>();
    const unpackTar = () => {
      begun.resolve(undefined);
      return stalled.promise;
    };
    const sandbox = { ...at.request.sandbox, unpackTar };
    const random = (size: number) => randomBytes(size);
    const injecting = injectTool({ ...at.request, ...context, random, sandbox });
    injecting.catch(() => undefined);
    await begun.promise;
    expect(await press()).toEqual(WAITING);
    stalled.reject(new Error('cut'));
    await expect(injecting).rejects.toThrow('Ctrl-C');
    expect(told).toHaveLength(1);
  });

  test('is answered when a removal stands still', async () => {
    await using at = await localSite();
    const { press, context } = user();
    const random = (size: number) => randomBytes(size);
    const { directory } = await injectTool({ ...at.request, ...user().context, random });
    const begun = Promise.withResolvers<undefined>();
    const stalled = Promise.withResolvers<never>();
    const removeTree = () => {
      begun.resolve(undefined);
      return stalled.promise;
    };
    const sandbox = { ...at.request.sandbox, remover: { removeTree } };
    const ejecting = ejectTool({ ...at.request, ...context, sandbox, tool: 'probe', versions: undefined });
    ejecting.catch(() => undefined);
    await begun.promise;
    expect(await press()).toEqual(WAITING);
    stalled.reject(new Error(`cut in ${directory}`));
    await expect(ejecting).rejects.toThrow('Ctrl-C');
  });

  test('is answered when an engine does not say what the sandbox is', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'engine.sock');
    await using engine = createServer();
    engine.listen(path);
    const { press, context } = user();
    const asked = once(engine, 'connection');
    const opening = openSandbox(createHost({ env: { DOCKER_HOST: `unix://${path}` }, ...context }), 'docker:web');
    opening.catch(() => undefined);
    const [socket] = (await asked) as [{ destroy: () => void }];
    expect(await press()).toMatchObject({ text: 'interrupted, and waiting for an answer of docker:web' });
    socket.destroy();
    await expect(opening).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  test('is not answered when what was begun ends soon, nor is anything said without one', async () => {
    const { told, context } = user();
    const clock = { ...systemClock };
    const interrupt = new AbortController();
    const wait = { ...context, clock, signal: interrupt.signal, reference: 'docker:web' };
    await tellingInterruptedWait(wait, () => {
      interrupt.abort(new Error('Ctrl-C'));
      return Promise.resolve();
    });
    await tellingInterruptedWait({ ...wait, clock: { ...clock, sleep: () => Promise.resolve() } }, () =>
      Promise.resolve(),
    );
    expect(told).toEqual([]);
  });
});
