import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { InterruptedError, RemoteError } from '../../../src/core/errors.ts';
import { parseTarget } from '../../../src/core/target.ts';
import { planResolution, resolveArtifact } from '../../../src/resolve/resolve-artifact.ts';
import type { OpenFetcher, TierReport } from '../../../src/resolve/resolution.ts';
import { failureOfAsync } from '../core/failure.ts';
import { bytesOf, createScratch, inPieces } from '../disk/scratch.ts';
import { builderThat } from './builder.ts';
import { BYTES, DIGEST, NAME, pinsIn, requestIn, TARGET } from './request.ts';

async function put(folder: string, place: string, bytes: Uint8Array = BYTES): Promise<string> {
  const path = join(folder, place, NAME);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

async function cached(folder: string): Promise<readonly string[]> {
  return readdir(join(folder, 'cache', 'v1', 'blobs', 'sha256')).catch(() => []);
}

const outcomes = (trail: readonly TierReport[]): string[] => trail.map((of) => `${of.tier} ${of.outcome}`);

test('a bundled file that is what is pinned is used in place, and nobody else is asked', async () => {
  await using scratch = await createScratch();
  const path = await put(scratch.path, 'bundled');
  const resolution = await resolveArtifact(requestIn(scratch.path, ['store']));
  expect(resolution).toMatchObject({ name: NAME, path, digest: DIGEST, size: BYTES.length, target: TARGET });
  expect(resolution).toMatchObject({ tier: 'bundled', url: null, store: null });
  expect(outcomes(resolution.trail)).toEqual(['bundled found', 'cache skipped', 'store skipped']);
  expect(await readdir(scratch.path)).toEqual(['bundled']);
});

test('a bundled file that is not what is pinned stops everything, whoever else has the right one', async () => {
  await using scratch = await createScratch();
  const path = await put(scratch.path, 'bundled', bytesOf(10));
  await put(scratch.path, 'store');
  const failure = await failureOfAsync(() => resolveArtifact(requestIn(scratch.path, ['store'])));
  expect(failure).toMatchObject({ name: 'IntegrityError', code: 'DIGEST_MISMATCH' });
  expect(failure.message).toContain(`the bundled file ${path} is not what is pinned`);
  expect(failure.details['trail']).toMatchObject([{ tier: 'bundled', where: path, outcome: 'refused', size: 10 }]);
  expect(await cached(scratch.path)).toEqual([]);
});

test('a pipe in the place of a bundled file is named at once', async () => {
  await using scratch = await createScratch();
  await mkdir(join(scratch.path, 'bundled'));
  const path = join(scratch.path, 'bundled', NAME);
  execFileSync('mkfifo', [path]);
  const failure = await failureOfAsync(() => resolveArtifact(requestIn(scratch.path, ['store'])));
  expect(failure).toMatchObject({ code: 'STORAGE', message: `cannot read ${path}: it is not a regular file` });
});

test('what a store has comes into the cache, with progress, and is found there the next time', async () => {
  await using scratch = await createScratch();
  await put(scratch.path, 'store');
  const request = requestIn(scratch.path, ['store', 'other']);
  const first = await resolveArtifact(request);
  expect(first).toMatchObject({ tier: 'store', store: `file:${join(scratch.path, 'store')}`, size: BYTES.length });
  expect(first.url).toContain(NAME);
  expect(outcomes(first.trail)).toEqual(['bundled missing', 'cache missing', 'store found', 'store skipped']);
  expect((await readFile(first.path)).equals(BYTES)).toBe(true);
  expect(request.progresses).toEqual([{ label: NAME, total: BYTES.length, bytes: BYTES.length, ended: true }]);
  expect(request.notices).toEqual([]);

  const second = await resolveArtifact(requestIn(scratch.path, ['store']));
  expect(second).toMatchObject({ tier: 'cache', path: first.path, url: null, store: null });
  expect(outcomes(second.trail)).toEqual(['bundled missing', 'cache found', 'store skipped']);
});

test('a store without the file is passed over with a warning', async () => {
  await using scratch = await createScratch();
  await put(scratch.path, 'second');
  const request = requestIn(scratch.path, ['first', 'second']);
  const resolution = await resolveArtifact(request);
  expect(resolution.store).toBe(`file:${join(scratch.path, 'second')}`);
  expect(outcomes(resolution.trail)).toEqual(['bundled missing', 'cache missing', 'store missing', 'store found']);
  expect(request.notices).toMatchObject([{ kind: 'warning', text: expect.stringContaining('first') as string }]);
});

test('wrong bytes in a store stop everything: no next store, nothing in the cache', async () => {
  await using scratch = await createScratch();
  await put(scratch.path, 'first', bytesOf(150_000, 9));
  await put(scratch.path, 'second');
  const failure = await failureOfAsync(() => resolveArtifact(requestIn(scratch.path, ['first', 'second'])));
  expect(failure).toMatchObject({ name: 'IntegrityError', code: 'DIGEST_MISMATCH' });
  expect(failure.message).toContain(join(scratch.path, 'first', NAME));
  expect(failure.message).toContain(DIGEST);
  expect(failure.message).toContain(digestOf(bytesOf(150_000, 9)));
  expect(failure.details['trail']).toMatchObject([
    { tier: 'bundled', outcome: 'missing' },
    { tier: 'cache', outcome: 'missing' },
    {
      tier: 'store',
      where: expect.stringContaining(join('first', NAME)) as string,
      outcome: 'refused',
      reason: failure.message,
      size: 150_000,
      ms: expect.any(Number) as number,
    },
  ]);
  expect(await cached(scratch.path)).toEqual([]);
});

test('a cached blob with other bytes is not used but fetched again', async () => {
  await using scratch = await createScratch();
  await put(scratch.path, 'store');
  const blob = join(scratch.path, 'cache', 'v1', 'blobs', 'sha256', digestHex(DIGEST));
  await mkdir(dirname(blob), { recursive: true });
  await writeFile(blob, bytesOf(150_000, 9));
  expect(await resolveArtifact(requestIn(scratch.path, ['store']))).toMatchObject({ tier: 'store', path: blob });
  expect((await readFile(blob)).equals(BYTES)).toBe(true);
});

const unreachable = new RemoteError('UNREACHABLE', 'https://mirror.example/probe: connection refused', {
  details: { url: 'https://mirror.example/probe' },
});

/** A line that breaks: before an answer, or after some bytes. */
function brokenStore(reference: string, after: 'opening' | 'asking' | 'bytes'): Promise<OpenFetcher> {
  if (after === 'opening') return Promise.reject(unreachable);
  const beginning = async function* () {
    yield* inPieces(BYTES.subarray(0, 50_000));
    await Promise.reject(unreachable);
  };
  const fetch = () =>
    after === 'asking'
      ? Promise.reject(unreachable)
      : Promise.resolve({ size: BYTES.length, url: reference, bytes: beginning() });
  return Promise.resolve({ reference, fetch });
}

test.each(['opening', 'asking', 'bytes'] as const)(
  'a store that cannot be reached (after %s) is passed over with a warning, and nothing of it is left',
  async (after) => {
    await using scratch = await createScratch();
    await put(scratch.path, 'second');
    const request = requestIn(scratch.path, ['first', 'second']);
    const openStore: typeof request.openStore = (of) =>
      of.url.endsWith('first') ? brokenStore(of.url, after) : request.openStore(of);
    const resolution = await resolveArtifact({ ...request, openStore });
    expect(outcomes(resolution.trail)).toEqual([
      'bundled missing',
      'cache missing',
      'store unreachable',
      'store found',
    ]);
    const kinds = request.notices.map(({ kind }) => kind);
    expect(kinds).toEqual(after === 'bytes' ? ['step', 'step', 'warning'] : ['warning']);
    expect(await cached(scratch.path)).toEqual([digestHex(DIGEST)]);
  },
);

test('nothing found while a store did not answer: unreachable, naming where it really looked', async () => {
  await using scratch = await createScratch();
  const request = requestIn(scratch.path, ['first', 'second']);
  const openStore: typeof request.openStore = (of) =>
    of.url.endsWith('first') ? brokenStore(of.url, 'asking') : request.openStore(of);
  const failure = await failureOfAsync(() => resolveArtifact({ ...request, openStore }));
  expect(failure).toMatchObject({ name: 'RemoteError', code: 'UNREACHABLE' });
  expect(failure.message).toContain('https://mirror.example/probe');
});

test('nothing found anywhere: every place that was looked at is named', async () => {
  await using scratch = await createScratch();
  const failure = await failureOfAsync(() => resolveArtifact(requestIn(scratch.path, ['first', 'second'])));
  expect(failure).toMatchObject({ name: 'NotFoundError', code: 'NOT_FOUND' });
  for (const place of ['bundled', 'cache', 'first', 'second'])
    expect(failure.message).toContain(join(scratch.path, place));
  const looked = { reason: expect.any(String) as string, size: null, ms: expect.any(Number) as number };
  expect(failure.details['trail']).toEqual([
    { tier: 'bundled', where: join(scratch.path, 'bundled', NAME), outcome: 'missing', ...looked },
    { tier: 'cache', where: join(scratch.path, 'cache'), outcome: 'missing', ...looked },
    { tier: 'store', where: expect.stringContaining('first') as string, outcome: 'missing', ...looked },
    { tier: 'store', where: expect.stringContaining('second') as string, outcome: 'missing', ...looked },
  ]);
});

test('without stores the error says to configure one or to build', async () => {
  await using scratch = await createScratch();
  const builder = builderThat('there is nobody to ask');
  const failure = await failureOfAsync(() => resolveArtifact(requestIn(scratch.path, [], { builder })));
  expect(failure).toMatchObject({
    code: 'NOT_FOUND',
    hint: expect.stringContaining('build it here: make it') as string,
  });
  expect(failure.message).not.toContain('make it');
});

test('where the tool that ships is without its package for a machine, the error says how to install that one', async () => {
  await using scratch = await createScratch();
  const packages = { amd64: 'for-amd64@1.2.3', arm64: 'for-arm64@1.2.3' };
  const request = requestIn(scratch.path, [], { pins: { ...pinsIn(scratch.path, []), packages } });
  const failure = await failureOfAsync(() => resolveArtifact(request));
  expect(failure.hint).toContain('"npm install --force --no-save for-amd64@1.2.3"');
  expect(failure.hint).not.toContain('toolcrib.json');
});

test('offline no store is opened, and the error says how to get the artifact', async () => {
  await using scratch = await createScratch();
  await put(scratch.path, 'store');
  const openStore = () => Promise.reject(new Error('opened a store'));
  const request = requestIn(scratch.path, ['store'], { offline: true, openStore });
  const failure = await failureOfAsync(() => resolveArtifact(request));
  expect(failure).toMatchObject({ name: 'RemoteError', code: 'OFFLINE' });
  expect(failure.hint).toMatch(/once online/);
  await request.cache.admit(DIGEST, { what: 'it', maxBytes: 1e9, open: () => inPieces(BYTES) });
  expect(await resolveArtifact(request)).toMatchObject({ tier: 'cache' });
});

test('a target without a pin is not found, and the pinned ones are listed', async () => {
  await using scratch = await createScratch();
  const request = requestIn(scratch.path, ['store'], { target: parseTarget('arm64') });
  const failure = await failureOfAsync(() => resolveArtifact(request));
  expect(failure).toMatchObject({ code: 'NOT_FOUND', details: { target: 'arm64', pinned: ['amd64-any'] } });
  expect(failure.message).toContain('it pins amd64-any');
  const unpublished = { ...request, pins: { ...pinsIn(scratch.path, []), sums: new Map() } };
  expect((await failureOfAsync(() => resolveArtifact(unpublished))).hint).toContain('toolcrib publish');
});

test('a cache that cannot be written to is a storage error, not a store that failed', async () => {
  await using scratch = await createScratch();
  await put(scratch.path, 'store');
  await put(scratch.path, 'second');
  await writeFile(join(scratch.path, 'cache'), 'a file');
  const request = requestIn(scratch.path, ['store', 'second']);
  const failure = await failureOfAsync(() => resolveArtifact(request));
  expect(failure).toMatchObject({ name: 'RemoteError', code: 'STORAGE' });
  expect(failure.message).toContain(join(scratch.path, 'cache'));
  expect(request.notices).toEqual([]);
});

test('an abort ends a download with its reason and leaves nothing', async () => {
  await using scratch = await createScratch();
  const controller = new AbortController();
  const reason = new InterruptedError('enough');
  const request = requestIn(scratch.path, ['store', 'second'], { signal: controller.signal });
  const openStore = (): Promise<OpenFetcher> => {
    const bytes = (async function* () {
      yield BYTES.subarray(0, 100);
      controller.abort(reason);
      await new Promise(() => undefined);
    })();
    return Promise.resolve({ reference: 'x', fetch: () => Promise.resolve({ size: undefined, url: 'x', bytes }) });
  };
  expect(await failureOfAsync(() => resolveArtifact({ ...request, openStore }))).toBe(reason);
  expect(reason.details).toEqual({});
  expect(await cached(scratch.path)).toEqual([]);
});

test('a plan takes the same way and downloads nothing', async () => {
  await using scratch = await createScratch();
  const path = await put(scratch.path, 'second');
  const request = requestIn(scratch.path, ['first', 'second', 'third']);
  const plan = await planResolution(request);
  expect(plan).toMatchObject({ name: NAME, digest: DIGEST, tier: 'store' });
  expect(plan.where).toContain(path);
  expect(outcomes(plan.trail)).toEqual([
    'bundled missing',
    'cache missing',
    'store missing',
    'store found',
    'store skipped',
  ]);
  expect(await readdir(scratch.path)).toEqual(['second']);
  expect(await planResolution(requestIn(scratch.path, ['first']))).toMatchObject({ tier: null, where: null });
});
