import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RemoteError } from '../../../src/core/errors.ts';
import { planResolution, resolveArtifact } from '../../../src/resolve/resolve-artifact.ts';
import type { TierReport } from '../../../src/resolve/resolution.ts';
import { failureOfAsync } from '../core/failure.ts';
import { createScratch } from '../disk/scratch.ts';
import { builderThat, builderWhere } from './builder.ts';
import { BYTES, DIGEST, NAME, requestIn } from './request.ts';

const EDITED = { state: 'edited', reason: 'src/a differs from main' } as const;
const DEV = `${NAME}-dev`;

const outcomes = (trail: readonly TierReport[]): string[] => trail.map((of) => `${of.tier} ${of.outcome}`);

/** A place where nobody looked, as a trail tells it. */
const step = (facts: Omit<TierReport, 'size' | 'ms'>): TierReport => ({ ...facts, size: null, ms: null });

describe('building here', () => {
  test('is the last tier: what no place has is built when the user says yes', async () => {
    await using scratch = await createScratch();
    const builder = builderWhere(true, join(scratch.path, 'bundled'), NAME, BYTES);
    const resolution = await resolveArtifact(requestIn(scratch.path, ['store'], { builder }));
    expect(resolution).toMatchObject({ tier: 'build', dev: false, digest: DIGEST, size: BYTES.length, url: null });
    expect(outcomes(resolution.trail)).toEqual(['bundled missing', 'cache missing', 'store missing', 'build found']);
    expect(resolution.trail.at(-1)).toMatchObject({
      where: 'make it',
      size: BYTES.length,
      ms: expect.any(Number) as number,
    });
  });

  test('is not asked for when another place has it, nor to find out', async () => {
    await using scratch = await createScratch();
    const builder = builderWhere(false, scratch.path, NAME, BYTES);
    const plan = await planResolution(requestIn(scratch.path, [], { builder }));
    expect(plan).toMatchObject({ tier: null, where: null });
    expect(plan.trail.at(-1)).toMatchObject({ tier: 'build', outcome: 'skipped', ms: null, size: null });
    await mkdir(join(scratch.path, 'bundled'));
    await writeFile(join(scratch.path, 'bundled', NAME), BYTES);
    const { trail } = await resolveArtifact(requestIn(scratch.path, [], { builder }));
    expect(outcomes(trail)).toEqual(['bundled found', 'cache skipped', 'build skipped']);
  });

  test('that is declined ends the search with the command', async () => {
    await using scratch = await createScratch();
    const builder = builderWhere(false, scratch.path, NAME, BYTES);
    const failure = await failureOfAsync(() => resolveArtifact(requestIn(scratch.path, ['store'], { builder })));
    expect(failure).toMatchObject({
      name: 'NotFoundError',
      code: 'BUILD_DECLINED',
      hint: 'build it when you like: make it',
    });
    expect(failure.details['trail']).toContainEqual(
      step({ tier: 'build', where: 'make it', outcome: 'refused', reason: 'the user declined' }),
    );
  });

  test('is in the hint where nobody can be asked, and a store that did not answer is still exit 7', async () => {
    await using scratch = await createScratch();
    const openStore = () => Promise.reject(new RemoteError('UNREACHABLE', 'no answer'));
    const request = requestIn(scratch.path, ['store'], { builder: builderThat('there is nobody to ask'), openStore });
    const failure = await failureOfAsync(() => resolveArtifact(request));
    expect(failure).toMatchObject({
      code: 'UNREACHABLE',
      hint: expect.stringContaining('or build it here: make it') as string,
    });
    expect(failure.details['trail']).toContainEqual(
      step({ tier: 'build', where: 'make it', outcome: 'skipped', reason: 'there is nobody to ask' }),
    );
  });

  test('is out of the question where nobody says how', async () => {
    await using scratch = await createScratch();
    const builder = { kind: 'none', reason: 'it does not say how' } as const;
    const failure = await failureOfAsync(() => resolveArtifact(requestIn(scratch.path, [], { builder })));
    expect(failure.details['trail']).toContainEqual(
      step({ tier: 'build', where: NAME, outcome: 'skipped', reason: 'it does not say how' }),
    );
  });
});

describe('an edited checkout', () => {
  test('has its -dev artifact in the binaries folder, whatever it holds', async () => {
    await using scratch = await createScratch();
    await mkdir(join(scratch.path, 'bundled'));
    await writeFile(join(scratch.path, 'bundled', DEV), BYTES);
    const request = requestIn(scratch.path, ['store'], { install: EDITED });
    const expected = { name: DEV, digest: DIGEST, tier: 'bundled' };
    expect(await resolveArtifact(request)).toMatchObject({
      ...expected,
      dev: true,
      attestation: null,
      install: EDITED,
    });
    expect(await planResolution(request)).toMatchObject({ ...expected, where: join(scratch.path, 'bundled', DEV) });
  });

  test('takes nothing that is pinned: not bundled, not cached, not stored', async () => {
    await using scratch = await createScratch();
    for (const place of ['bundled', 'store']) {
      await mkdir(join(scratch.path, place));
      await writeFile(join(scratch.path, place, NAME), BYTES);
    }
    const failure = await failureOfAsync(() =>
      resolveArtifact(requestIn(scratch.path, ['store'], { install: EDITED })),
    );
    expect(failure).toMatchObject({ name: 'NotFoundError', code: 'NOT_FOUND' });
    expect(failure.message).toContain(`${DEV} (the checkout is edited: src/a differs from main)`);
    expect(failure.details['trail']).toHaveLength(3);
  });

  test('builds what is not there, and measures what came out', async () => {
    await using scratch = await createScratch();
    const builder = builderWhere(true, join(scratch.path, 'bundled'), DEV, BYTES);
    const resolution = await resolveArtifact(requestIn(scratch.path, ['store'], { install: EDITED, builder }));
    expect(resolution).toMatchObject({ name: DEV, tier: 'build', digest: DIGEST, size: BYTES.length });
    expect(outcomes(resolution.trail)).toEqual(['bundled missing', 'cache skipped', 'store skipped', 'build found']);
  });

  test('has no artifact in CI, not even in a plan', async () => {
    await using scratch = await createScratch();
    const request = requestIn(scratch.path, [], { install: EDITED, inCi: true });
    for (const call of [resolveArtifact, planResolution]) {
      expect(await failureOfAsync(() => call(request))).toMatchObject({ name: 'PolicyError', code: 'NO_ANCHOR' });
    }
  });
});

test('a package whose artifact is missing is called broken before anything else is tried', async () => {
  await using scratch = await createScratch();
  const request = requestIn(scratch.path, [], { install: { state: 'package', reason: 'installed' } });
  await failureOfAsync(() => resolveArtifact(request));
  expect(request.notices).toMatchObject([
    { kind: 'warning', text: expect.stringContaining('the package is broken') as string },
  ]);
});
