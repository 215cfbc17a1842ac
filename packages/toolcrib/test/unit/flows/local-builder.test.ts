import { describe, expect, test } from 'vitest';
import type { BuildConfig } from '../../../src/config/config.ts';
import { parseTarget } from '../../../src/core/target.ts';
import { createHost } from '../../../src/flows/host.ts';
import { localBuilder, type BuildDialogue, type BuildQuestion } from '../../../src/flows/local-builder.ts';
import type { Project } from '../../../src/flows/project.ts';
import type { InstallState } from '../../../src/resolve/install-state.ts';
import type { LocalBuilder } from '../../../src/resolve/local-builder.ts';
import { projectAt } from '../../integration/build/samples.ts';
import { pinsIn } from '../resolve/request.ts';

const noPins = (): Promise<never> => Promise.reject(new Error('asked for pins'));

/** The builder of a project, and what its user was asked. */
function builderOf(build: BuildConfig | undefined, options: { state?: InstallState; offline?: boolean } = {}) {
  const asked: BuildQuestion[] = [];
  const dialogue: BuildDialogue = {
    ask(question) {
      asked.push(question);
      return Promise.resolve(false);
    },
    show: () => undefined,
  };
  const project: Project = { config: { ...projectAt('/project', 'probe', ''), build }, readPins: noPins };
  const installed = { pins: pinsIn('/project', []), install: { state: options.state ?? 'clean', reason: '' } } as const;
  const host = createHost({ env: { HOME: '/' }, offline: options.offline ?? false });
  return { asked, builder: localBuilder(project, installed, host, { target: parseTarget('amd64-any'), dialogue }) };
}

/** @throws Error when there is none. */
function commandOf(builder: LocalBuilder): Extract<LocalBuilder, { readonly kind: 'command' }> {
  if (builder.kind === 'command') return builder;
  throw new Error(builder.reason);
}

const COMMAND: BuildConfig = { driver: 'command', command: 'make "$TOOLCRIB_OUTPUT"' };

describe('what a user is asked before something is built', () => {
  test.each<[BuildConfig, string, boolean]>([
    [{ driver: 'bun', entry: '/project/main.ts' }, 'bun build --compile /project/main.ts', true],
    [COMMAND, String.raw`sh -c "make \"$TOOLCRIB_OUTPUT\""`, false],
    [
      { driver: 'docker', context: '/project', dockerfile: '/project/Dockerfile', output: '/out' },
      'docker build --file /project/Dockerfile /project',
      false,
    ],
  ])(
    'names what runs; only a compiler of toolcrib is a yes by default: $driver',
    async (build, runs, defaultsToYes) => {
      const { asked, builder } = builderOf(build);
      expect(await commandOf(builder).ask()).toBe(false);
      const command = 'toolcrib build --target amd64-any';
      expect(asked).toEqual([{ name: 'probe-amd64-any-v3', command, runs, folder: '/project', defaultsToYes }]);
    },
  );

  test('is about the -dev artifact in an edited checkout', async () => {
    const { asked, builder } = builderOf(COMMAND, { state: 'edited' });
    await commandOf(builder).ask();
    expect(asked).toMatchObject([
      { name: 'probe-amd64-any-v3-dev', command: 'toolcrib build --dev --target amd64-any' },
    ]);
  });

  test('is nothing offline: a build fetches what it likes', () => {
    expect(commandOf(builderOf(COMMAND, { offline: true }).builder).unasked).toBe(
      'nothing is built on the way offline',
    );
    expect(commandOf(builderOf(COMMAND).builder).unasked).toBeUndefined();
  });

  test('is nothing where the configuration does not say how to build', () => {
    expect(builderOf(undefined).builder).toMatchObject({ kind: 'none' });
  });
});
