import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHost } from '../../../src/flows/host.ts';
import { readInstallation } from '../../../src/flows/install-state.ts';
import { openProject } from '../../../src/flows/project.ts';
import type { Installation } from '../../../src/resolve/install-state.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { documentOf, toolcrib, type CliEnd } from '../cli/command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

const CONFIG = {
  tool: 'demo',
  targets: ['amd64-any'],
  sources: ['src', ':(exclude,glob)src/**/*.md'],
  build: { driver: 'command', command: 'cp src/program "$TOOLCRIB_OUTPUT"' },
  stores: ['file:./store'],
};

interface Checkout extends AsyncDisposable {
  readonly folder: string;
  write: ScratchProject['write'];
  git(...args: readonly string[]): Promise<string>;
  /** Commits everything. */
  commit(): Promise<void>;
  state(env?: Readonly<Record<string, string>>): Promise<Installation>;
  cli(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<CliEnd>;
}

const USER = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'init.defaultBranch=main'];

function checkoutIn(scratch: ScratchProject, at = 'work'): Checkout {
  const folder = join(scratch.folder, at);
  const git = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)('git', [...USER, ...args], { cwd: folder })).stdout.trim();
  return {
    folder,
    async write(path, text) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    },
    git,
    async commit() {
      await git('add', '--all');
      await git('commit', '--quiet', '--message', 'change');
    },
    async state(env = {}) {
      const host = createHost({ cwd: folder, env: { PATH: process.env['PATH'], HOME: scratch.folder, ...env } });
      return await readInstallation(await openProject(host), host);
    },
    cli: (args, env = {}) =>
      toolcrib(args, { cwd: folder, env: { TOOLCRIB_CACHE_DIR: join(scratch.folder, 'cache'), ...env } }),
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

let template: ScratchProject;
/** A repository whose `main` has version 1, pinned and published, and a clone of it that is called `work`. */
beforeAll(async () => {
  template = await scratchProject();
  const origin = checkoutIn(template, 'origin');
  await origin.write('toolcrib.json', JSON.stringify(CONFIG));
  await origin.write('tool-version.txt', '1\n');
  await origin.write('.gitignore', '/binaries/\n/store/\n');
  await origin.write('src/program', elfFile({}));
  await origin.write('src/README.md', 'notes\n');
  await origin.git('init', '--quiet', '--initial-branch=main');
  expect(await origin.cli(['build'])).toMatchObject({ code: 0 });
  expect(await origin.cli(['publish'])).toMatchObject({ code: 0 });
  await origin.commit();
  await origin.git('clone', '--quiet', '.', '../work');
  await cp(join(origin.folder, 'store'), join(template.folder, 'work/store'), { recursive: true });
  await rm(join(template.folder, 'cache'), { recursive: true, force: true });
});
afterAll(() => template[Symbol.asyncDispose]());

async function freshCheckout(): Promise<Checkout> {
  const scratch = await scratchProject();
  await cp(template.folder, scratch.folder, { recursive: true, preserveTimestamps: true });
  const checkout = checkoutIn(scratch);
  await checkout.git('remote', 'set-url', 'origin', join(scratch.folder, 'origin'));
  return checkout;
}

const CLEAN = { state: 'clean' };
const edited = (reason: string): unknown => ({ state: 'edited', reason: expect.stringContaining(reason) as string });

describe.concurrent('a checkout', () => {
  test('is clean as it was cloned, and with changes that do not ship', async () => {
    await using checkout = await freshCheckout();
    expect(await checkout.state()).toEqual({ state: 'clean', reason: 'nothing that ships differs from origin/main' });
    await checkout.write('src/README.md', 'more notes\n');
    await checkout.write('docs/a.txt', 'text\n');
    await checkout.write('binaries/other', 'bytes\n');
    expect(await checkout.state()).toMatchObject(CLEAN);
  });

  test('is edited by a change of a source, before and after it is committed, on main and on a branch', async () => {
    await using checkout = await freshCheckout();
    await checkout.write('src/program', 'changed');
    expect(await checkout.state()).toEqual({ state: 'edited', reason: 'src/program differs from origin/main' });
    await checkout.commit();
    expect(await checkout.state()).toEqual(edited('src/program'));
    await checkout.git('checkout', '--quiet', '-b', 'work');
    await checkout.git('branch', '--force', 'main', 'origin/main');
    expect(await checkout.state()).toEqual(edited('src/program'));
  });

  test.each<[string, (checkout: Checkout) => Promise<unknown>, string]>([
    ['a new file that is not added', (checkout) => checkout.write('src/new', 'x'), 'src/new'],
    ['a file that is gone', ({ folder }) => rm(join(folder, 'src/program')), 'src/program'],
    ['another version', (checkout) => checkout.write('tool-version.txt', '2\n'), 'the version (1 there, 2 here)'],
    [
      'another way of building',
      (checkout) =>
        checkout.write('toolcrib.json', JSON.stringify({ ...CONFIG, build: { driver: 'command', command: 'x' } })),
      '"build" of toolcrib.json',
    ],
  ])('is edited by %s', async (_, change, reason) => {
    await using checkout = await freshCheckout();
    await change(checkout);
    expect(await checkout.state()).toEqual(edited(reason));
  });

  test('is clean when only the base went on, and when it is an older commit', async () => {
    await using checkout = await freshCheckout();
    const first = await checkout.git('rev-parse', 'HEAD');
    await checkout.write('src/program', 'second');
    await checkout.commit();
    await checkout.git('push', '--quiet', 'origin', 'HEAD:refs/heads/next');
    await checkout.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    expect(await checkout.state()).toMatchObject(CLEAN);
    await checkout.git('checkout', '--quiet', '--detach', first);
    expect(await checkout.state()).toMatchObject(CLEAN);
  });

  test('is compared with a local main that is fresher than the one of the remote', async () => {
    await using checkout = await freshCheckout();
    await checkout.write('src/program', 'second');
    await checkout.commit();
    await checkout.git('checkout', '--quiet', '-b', 'work');
    expect(await checkout.state()).toEqual({ state: 'clean', reason: 'nothing that ships differs from main' });
  });

  test('that is shallow is compared with what it has', async () => {
    await using checkout = await freshCheckout();
    const shallow = checkoutIn({ ...template, folder: join(checkout.folder, '..') }, 'shallow');
    await checkout.git('clone', '--quiet', '--depth=1', `file://${join(checkout.folder, '../origin')}`, '../shallow');
    expect(await shallow.state()).toMatchObject(CLEAN);
    await shallow.git('checkout', '--quiet', '--orphan', 'apart');
    await shallow.git('commit', '--quiet', '--message', 'no history in common');
    expect(await shallow.state()).toMatchObject(CLEAN);
    await shallow.write('src/program', 'changed');
    expect(await shallow.state()).toEqual(edited('src/program'));
  });

  test('is clean where git cannot tell: no such branch, no commit, no git', async () => {
    await using checkout = await freshCheckout();
    await checkout.write('src/program', 'changed');
    expect(await checkout.state({ PATH: '/nowhere' })).toMatchObject({
      state: 'clean',
      reason: 'git cannot tell whether it was edited: the program git was not found',
    });
    await checkout.write('toolcrib.json', JSON.stringify({ ...CONFIG, baseBranch: 'trunk' }));
    const reason = 'the repository has no branch trunk to compare with';
    expect(await checkout.state()).toEqual({ state: 'clean', reason });
    await rm(join(checkout.folder, '.git'), { recursive: true });
    await checkout.git('init', '--quiet');
    expect(await checkout.state()).toEqual({ state: 'clean', reason: 'the repository has no commit yet' });
  });

  test('is clean where git does not look: a project in a folder that it ignores', async () => {
    await using checkout = await freshCheckout();
    await checkout.write('.gitignore', '/out/\n');
    for (const [name, text] of [
      ['toolcrib.json', JSON.stringify(CONFIG)],
      ['tool-version.txt', '3\n'],
    ] as const) {
      await checkout.write(`out/${name}`, text);
    }
    const ignored = checkoutIn({ ...template, folder: checkout.folder }, 'out');
    expect(await ignored.state()).toMatchObject(CLEAN);
    await checkout.write('.gitignore', '');
    expect(await ignored.state()).toEqual(edited('the version (none there, 3 here)'));
  });

  test('is what its user says, and nothing else', async () => {
    await using checkout = await freshCheckout();
    await checkout.write('src/program', 'changed');
    expect(await checkout.state({ TOOLCRIB_INSTALL_STATE: 'clean' })).toMatchObject(CLEAN);
    const end = await checkout.cli(['resolve', '--json'], { TOOLCRIB_INSTALL_STATE: 'dirty' });
    expect(end.code).toBe(2);
    expect(documentOf(end)).toMatchObject({
      error: { code: 'USAGE', hint: expect.stringContaining('package, clean, edited') as string },
    });
  });
});

/** Makes a second version of a checkout and publishes it. */
async function publishSecond(checkout: Checkout): Promise<void> {
  await checkout.write('src/program', elfFile({}).fill(2, 0x1f00));
  await checkout.write('tool-version.txt', '2\n');
  for (const command of ['build', 'publish']) expect(await checkout.cli([command])).toMatchObject({ code: 0 });
}

describe.concurrent('a new version', () => {
  test('is clean once it is published, before and after its pins are committed, until the next edit', async () => {
    await using checkout = await freshCheckout();
    await publishSecond(checkout);
    const pinned = { state: 'clean', reason: 'SHA256SUMS pins v2 as it is here' };
    expect(await checkout.state()).toEqual(pinned);
    expect((await checkout.cli(['resolve'])).stdout).toBe(`${checkout.folder}/binaries/demo-amd64-any-v2\n`);
    await checkout.write('src/program', 'edited after publishing');
    expect(await checkout.state()).toEqual(edited('src/program'));
  });

  test('is clean with pins that are committed, however old files look, and edited by a later commit', async () => {
    await using checkout = await freshCheckout();
    await checkout.git('checkout', '--quiet', '-b', 'work');
    await publishSecond(checkout);
    await checkout.commit();
    await utimes(join(checkout.folder, 'src/program'), 1, 1);
    expect(await checkout.state()).toMatchObject(CLEAN);
    await checkout.write('src/program', 'a third one');
    await checkout.commit();
    expect(await checkout.state()).toEqual(edited('src/program'));
  });

  test('is edited while the pins are still those of the version before', async () => {
    await using checkout = await freshCheckout();
    await checkout.write('tool-version.txt', '2\n');
    expect(await readFile(join(checkout.folder, 'SHA256SUMS'), 'utf8')).toContain('-v1');
    expect(await checkout.state()).toEqual(edited('the version'));
  });
});

describe.concurrent('an edited checkout', () => {
  test('resolves the -dev artifact, measured and named as such, and never asks a store', async () => {
    await using checkout = await freshCheckout();
    await checkout.write('src/program', elfFile({}).fill(7, 0x1f00));
    const missing = await checkout.cli(['resolve', '--json', '--target', 'amd64-any']);
    expect(missing.code).toBe(3);
    const hint: unknown = expect.stringContaining('build it: toolcrib build --dev --target amd64-any');
    expect(documentOf(missing)).toMatchObject({ error: { code: 'NOT_FOUND', hint } });
    expect(await checkout.cli(['build', '--dev'])).toMatchObject({ code: 0 });
    const found = documentOf(await checkout.cli(['resolve', '--json', '--explain', '--target', 'amd64-any']));
    expect(found).toMatchObject({
      name: 'demo-amd64-any-v1-dev',
      dev: true,
      tier: 'bundled',
      path: `${checkout.folder}/binaries/demo-amd64-any-v1-dev`,
      install: { state: 'edited' },
      trail: [
        { tier: 'bundled', outcome: 'found' },
        { tier: 'build', outcome: 'skipped' },
      ],
    });
    const explained = await checkout.cli(['resolve', '--explain', '--target', 'amd64-any']);
    expect(explained.stdout).toContain(
      'demo-amd64-any-v1-dev from the tier "bundled", a local build that no pin vouches',
    );
    const status = (await checkout.cli(['status'])).stdout;
    expect(status).toContain('installed: edited (src/program differs from origin/main)');
    expect(status).toContain('binaries/demo-amd64-any-v1-dev');
  });

  test('says at every other place why nobody looked there', async () => {
    await using checkout = await freshCheckout();
    await checkout.write('src/program', 'changed');
    const { error } = documentOf(await checkout.cli(['resolve', '--json'])) as {
      error: { details: { trail: unknown } };
    };
    const skipped = { outcome: 'skipped', size: null, ms: null };
    expect(error.details.trail).toMatchObject([
      { tier: 'bundled', where: expect.stringMatching(/v1-dev$/) as string, outcome: 'missing' },
      { tier: 'cache', ...skipped, reason: 'it holds pinned artifacts only' },
      { tier: 'store', where: 'file:./store', ...skipped, reason: 'it holds releases only' },
      {
        tier: 'build',
        where: 'toolcrib build --dev --target amd64-any',
        ...skipped,
        reason: 'there is nobody to ask',
      },
    ]);
  });

  test('is refused in CI, where what nobody pinned is not used', async () => {
    await using checkout = await freshCheckout();
    await checkout.write('src/program', elfFile({}).fill(7, 0x1f00));
    expect(await checkout.cli(['build', '--dev'])).toMatchObject({ code: 0 });
    const end = await checkout.cli(['resolve', '--json'], { CI: 'true' });
    expect(end.code).toBe(5);
    expect(documentOf(end)).toMatchObject({ error: { code: 'NO_ANCHOR', details: { state: 'edited' } } });
    const pinned = await checkout.cli(['resolve', '--json'], { CI: 'true', TOOLCRIB_INSTALL_STATE: 'clean' });
    expect(documentOf(pinned)).toMatchObject({ name: 'demo-amd64-any-v1', dev: false, tier: 'store' });
  });
});

describe.concurrent('a package', () => {
  test('that came without its artifact says that it is broken, and the stores are asked', async () => {
    await using checkout = await freshCheckout();
    const end = await checkout.cli(['resolve', '--json'], { TOOLCRIB_INSTALL_STATE: 'package' });
    expect(end).toMatchObject({ code: 0, stderr: expect.stringContaining('warning: the package is broken') as string });
    expect(documentOf(end)).toMatchObject({ tier: 'store', install: { state: 'package' } });
    expect((await checkout.cli(['resolve'], { TOOLCRIB_INSTALL_STATE: 'clean' })).stderr).toBe('');
  });
});
