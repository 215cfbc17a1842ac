import { mkdir, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openCache } from '../../../src/cache/cache.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { documentOf, startCli, toolcrib, type CliEnd } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import { syntheticProject } from '../inject/synthetic-project.ts';

const ROUNDS = 8;
const AT_ONCE = 3;
const TWO_HOURS_MS = 2 * 3600 * 1000;

/** Makes everything in the cache so old that only leases keep it, again and again until it is told to stop. */
async function ageAll(folder: string, stop: AbortSignal): Promise<void> {
  const directories = ['cache/v1/blobs/sha256', 'cache/v1/unpacked'].map((path) => join(folder, path));
  const then = (Date.now() - TWO_HOURS_MS) / 1000; // the same each time: to a collection nothing was used in between
  while (!stop.aborted) {
    for (const directory of directories) {
      const names = (await readdir(directory).catch(() => [])).filter((name) => !name.startsWith('.'));
      for (const name of names) await utimes(join(directory, name), then, then).catch(() => undefined);
    }
    await sleep(5);
  }
}

/** Collects everything that may go, again and again; every other time it is killed in the middle. */
async function collectAll(folder: string, stop: AbortSignal): Promise<readonly CliEnd[]> {
  const ends: CliEnd[] = [];
  for (let time = 0; !stop.aborted; time++) {
    const collecting = startCli(['--json', 'cache', 'gc', '--max-bytes', '0'], { cwd: folder });
    if (time % 2 === 1) setTimeout(() => collecting.process.kill('SIGKILL'), 300 * Math.random());
    const end = await collecting.end;
    if (end.signal === null) ends.push(end);
  }
  return ends;
}

/** The same without the time that a process takes to start, so that it comes between any two steps of an injection. */
async function collectAtOnce(folder: string, stop: AbortSignal): Promise<number> {
  const cache = openCache(join(folder, 'cache'), { clock: systemClock });
  let removed = 0;
  while (!stop.aborted) removed += (await cache.collect({ maxBytes: 0 })).removed.length;
  return removed;
}

function removedOf(end: CliEnd): number {
  const document = documentOf(end);
  const removed: unknown =
    typeof document === 'object' && document !== null && 'removed' in document && document.removed;
  return Array.isArray(removed) ? removed.length : 0;
}

test(
  'an injection succeeds while everything that it does not lease is collected under it',
  requireOrSkip(await programsMissing('gcc')),
  async () => {
    await using project = await syntheticProject();
    const { folder } = project;
    const stop = new AbortController();
    const aging = ageAll(folder, stop.signal);
    const collecting = collectAll(folder, stop.signal);
    const atOnce = collectAtOnce(folder, stop.signal);
    const injected: CliEnd[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const sandboxes = Array.from({ length: AT_ONCE }, (_, index) => `sandboxes/${round}-${index}`);
      for (const sandbox of sandboxes) await mkdir(join(folder, sandbox), { recursive: true });
      const inject = (sandbox: string) => toolcrib(['--json', 'inject', `local:${sandbox}`], { cwd: folder });
      injected.push(...(await Promise.all(sandboxes.map(inject))));
    }
    stop.abort();
    await aging;
    const collected = await collecting;

    expect(injected.filter(({ code }) => code !== 0)).toEqual([]);
    expect(collected.filter(({ code }) => code !== 0)).toEqual([]);
    // Else nothing was shown.
    expect(collected.reduce((sum, end) => sum + removedOf(end), await atOnce)).toBeGreaterThan(0);
    expect(await toolcrib(['cache', 'gc'], { cwd: folder })).toMatchObject({ code: 0 });
    expect(await toolcrib(['cache', 'verify'], { cwd: folder })).toMatchObject({ code: 0 });
    expect(await readdir(join(folder, 'cache/v1/leases'))).toEqual([]);
  },
);
