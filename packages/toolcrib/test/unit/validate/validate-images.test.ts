import { describe, expect, test } from 'vitest';
import { InterruptedError, NotFoundError, RemoteError, SandboxError } from '../../../src/core/errors.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import type { ContainerRequest } from '../../../src/sandboxes/container-maker.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import type { RoutedTarget, ValidationResult } from '../../../src/validate/result.ts';
import { validateImages, type Validation } from '../../../src/validate/validate-images.ts';

const USERS = [
  { name: 'root', id: '0' },
  { name: '1000', id: '1000' },
];
const FITS: RoutedTarget = { target: 'amd64-any', fits: true, reason: 'it needs no C library' };
const FOREIGN: RoutedTarget = { target: 'arm64-any', fits: false, reason: 'it is for arm64, not for amd64' };
const PROVEN = { rung: 'archive', protection: 'same-user', why: 'root can change it' };

/** An engine of names: what it made and has not removed, and the most that it had at once. */
function fakeEngine(make: (request: ContainerRequest) => void = () => undefined) {
  const state = { there: 0, most: 0, made: 0 };
  const maker: Validation['maker'] = {
    make: async (request) => {
      request.signal?.throwIfAborted();
      make(request);
      state.there += 1;
      state.made += 1;
      state.most = Math.max(state.most, state.there);
      await Promise.resolve();
      const remove = () => {
        state.there -= 1;
        return Promise.resolve();
      };
      return { sandbox: sandboxOf(request.image), remove };
    },
  };
  return { state, maker };
}

/** Nothing of it is used but its name. */
function sandboxOf(image: string, arch?: string): Sandbox {
  const unused = () => Promise.reject(new Error('nobody asked for that'));
  return {
    reference: `docker:made-of-${image}`,
    identity: {
      ...{ engine: '', id: '', startedAt: '', arch, user: '', cwd: '/', env: {} },
      ...{ readOnlyRoot: false, mounts: [] },
    },
    ways: [],
    rootOwner: 0,
    programPath: (path) => path,
    choosesUser: true,
    ...{ stat: unused, readOwner: unused, readTar: unused, unpackTar: unused, exec: unused },
    close: () => Promise.resolve(),
  };
}

function validate(more: Partial<Validation>): Promise<readonly ValidationResult[]> {
  return validateImages({
    images: ['a', 'b'],
    users: USERS,
    targets: ['amd64-any', 'arm64-any'],
    jobs: 4,
    maker: fakeEngine().maker,
    route: () => Promise.resolve([FITS, FOREIGN]),
    inject: () => Promise.resolve(PROVEN),
    reporter: silentReporter,
    ...more,
  });
}

const shown = (results: readonly ValidationResult[]): readonly string[] =>
  results.map(({ image, target, user, outcome }) => [image, target, user, outcome].join(' '));

describe('a validation', () => {
  test('tries every artifact that fits, as every user, in the order of the images', async () => {
    expect(shown(await validate({}))).toEqual([
      'a amd64-any root passed',
      'a amd64-any 1000 passed',
      'a arm64-any  unfit',
      'b amd64-any root passed',
      'b amd64-any 1000 passed',
      'b arm64-any  unfit',
    ]);
  });

  test('goes on when one fails, and names the image instead of a container that is gone', async () => {
    const results = await validate({
      images: ['missing', 'bad', 'good'],
      maker: fakeEngine(({ image }) => {
        if (image === 'missing') throw new NotFoundError('NOT_FOUND', 'no such image', { hint: 'pull it' });
      }).maker,
      inject: (sandbox) =>
        sandbox.reference.includes('bad')
          ? Promise.reject(new SandboxError('NOT_INJECTABLE', `nothing into ${sandbox.reference}`))
          : Promise.resolve(PROVEN),
      targets: ['amd64-any'],
    });
    expect(shown(results)).toEqual([
      'missing   failed',
      'bad amd64-any root failed',
      'bad amd64-any 1000 failed',
      'good amd64-any root passed',
      'good amd64-any 1000 passed',
    ]);
    expect(results[0]).toMatchObject({ code: 'NOT_FOUND', reason: 'no such image', hint: 'pull it' });
    expect(results[1]).toMatchObject({ code: 'NOT_INJECTABLE', reason: 'nothing into bad', hint: null });
  });

  test('fails an image that no target is for, but not for targets that were not asked about', async () => {
    const route = () => Promise.resolve([FOREIGN]);
    expect(await validate({ images: ['a'], targets: ['arm64-any'], route })).toMatchObject([
      { outcome: 'failed', code: 'NO_TARGET_FITS', reason: expect.stringContaining(FOREIGN.reason) as string },
      { outcome: 'unfit' },
    ]);
    expect(shown(await validate({ images: ['a'], targets: ['arm64-any'] }))).toEqual(['a arm64-any  unfit']);
  });

  test('says which target would fit an image that no target is for', async () => {
    const route = () => Promise.resolve([FOREIGN]);
    const hintFor = async (arch: string | undefined) => {
      const made = { sandbox: sandboxOf('a', arch), remove: () => Promise.resolve() };
      return (await validate({ images: ['a'], route, maker: { make: () => Promise.resolve(made) } }))[0]?.hint;
    };
    expect(await hintFor('aarch64')).toContain('(arm64-any)');
    expect(await hintFor('amd64')).toContain('(amd64-any)');
    expect(await hintFor(undefined)).toContain('(amd64-any, arm64-any)');
  });

  test('makes a container for each line and removes it, with so many at once and no more', async () => {
    const { state, maker } = fakeEngine();
    await validate({ images: ['a', 'b', 'c'], jobs: 2, maker });
    expect(state).toEqual({ there: 0, most: 2, made: 9 });
  });

  test('fails a line whose container cannot be removed', async () => {
    const remove = () => Promise.reject(new RemoteError('UNREACHABLE', 'the engine is gone'));
    const maker = { make: ({ image }: ContainerRequest) => Promise.resolve({ sandbox: sandboxOf(image), remove }) };
    expect(shown(await validate({ images: ['a'], maker }))).toEqual(['a   failed']);
  });

  test('ends with what is a bug, after it has removed every container', async () => {
    const { state, maker } = fakeEngine();
    const inject = () => Promise.reject(new TypeError('a bug'));
    await expect(validate({ maker, inject })).rejects.toThrow(TypeError);
    expect(state.there).toBe(0);
  });

  test('ends with the reason of an abort, makes nothing more, and has removed every container', async () => {
    const { state, maker } = fakeEngine();
    const abort = new AbortController();
    const inject = () => {
      abort.abort(new InterruptedError());
      return Promise.reject(new SandboxError('EXEC_FAILED', 'the connection broke'));
    };
    const validating = validate({ images: ['a'], jobs: 1, maker, inject, signal: abort.signal });
    await expect(validating).rejects.toThrow(InterruptedError);
    expect(state).toMatchObject({ there: 0, made: 2 });
  });
});
