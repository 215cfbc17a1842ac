import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { textOf } from '../../../src/core/json-fields.ts';
import type { Notice } from '../../../src/core/reporter.ts';
import { formatIdentity, ownIdentity, type ProcessIdentity } from '../../../src/disk/process-identity.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { formatPlacementName } from '../../../src/inject/placement-name.ts';
import type { Placement } from '../../../src/inject/placement.ts';
import { createNotes } from '../../../src/inject/unfinished.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { programsMissing } from '../build/samples.ts';
import { documentOf, startCli, type StartedCli } from '../cli/command-line.ts';
import { entriesOf, startSite, type InjectionSite } from './inject-container.ts';
import { compileSyntheticTool, syntheticArtifact } from './synthetic-artifact.ts';
import { syntheticProject } from './synthetic-project.ts';

const image = 'toolcrib-test/busybox';
const ready = requireOrSkip(
  (await dockerAvailable(image)) ?? (await dockerAvailable('toolcrib-test/debian')) ?? (await programsMissing('gcc')),
);

/** Names of placements in a container. */
async function placementsIn(name: string): Promise<readonly string[]> {
  return (await docker('exec', '--user', '0', name, 'ls', '/var/lib/toolcrib'))
    .split('\n')
    .filter((line) => line !== '');
}

describe('injections of one tool into one container at the same time', ready, () => {
  let program: Buffer = Buffer.alloc(0);
  beforeAll(async () => {
    program = await compileSyntheticTool();
  });

  test.for(['0', '1000'])('in one process place once, as user %s, and all get what was proven', async (user) => {
    await using site = await startSite({ image, args: ['--user', user], entered: false });
    const artifact = await syntheticArtifact({ program });
    let unpacked = 0;
    const sandbox: Sandbox = {
      ...site.sandbox,
      unpackTar: (parent, tar) => {
        unpacked += 1;
        return site.sandbox.unpackTar(parent, tar);
      },
    };
    const placements = await Promise.all([1, 2, 3, 4, 5].map(() => site.inject(artifact, { sandbox })));
    expect(unpacked).toBe(1);
    expect(new Set(placements.map(({ directory }) => directory)).size).toBe(1);
    expect(placements.filter(({ reused }) => !reused)).toHaveLength(1);
    expect(await placementsIn(site.name)).toHaveLength(1);
    expect(await entriesOf(site.ledger)).toHaveLength(1);
    expect((await site.call(placements[4] ?? expect.fail(), ['version'])).stdout).toBe('synthetic v1\n');
  });

  test('of several processes place once, and all end well with the same directory', async () => {
    await using project = await syntheticProject();
    await using container = await startContainer({ image, args: ['--user', '1000'] });
    const inject = () => startCli(['--json', 'inject', `docker:${container.name}`], { cwd: project.folder }).end;
    const ends = await Promise.all(Array.from({ length: 5 }, inject));
    expect(ends.filter(({ code }) => code !== 0)).toEqual([]);
    const directories = ends.map((end) => textOf(documentOf(end), 'placement', 'directory'));
    expect(new Set(directories).size).toBe(1);
    expect(await placementsIn(container.name)).toHaveLength(1);
  });

  test('with ledgers of their own know nothing of each other, and both work', async () => {
    await using site = await startSite({ image, args: ['--user', '1000'] });
    const artifact = await syntheticArtifact({ program });
    const [one, other] = await Promise.all([
      site.inject(artifact),
      site.inject(artifact, { ledger: `${site.ledger}/another` }),
    ]);
    expect(one.directory).not.toBe(other.directory);
    for (const placement of [one, other]) expect((await site.call(placement, ['version'])).code).toBe(0);
  });

  test('do not wait where nothing can be locked, and leave placements that all work', async () => {
    await using site = await startSite({ image, args: ['--user', '1000'] });
    const artifact = await syntheticArtifact({ program });
    // A directory in the place of each lock file.
    for (let first = 0; first < 256; first++) {
      const name = `placement-${first.toString(16).padStart(2, '0')}.sqlite`;
      await mkdir(join(site.ledger, 'locks', name), { recursive: true });
    }
    const placements = await Promise.all([1, 2, 3].map(() => site.inject(artifact)));
    expect(new Set(placements.map(({ directory }) => directory)).size).toBe(3);
    for (const placement of placements) expect((await site.call(placement, ['version'])).code).toBe(0);
    expect(await entriesOf(site.ledger)).toHaveLength(1);
  });

  test('use what another one placed while they looked what the tool needs there', async () => {
    await using site = await startSite({ image: 'toolcrib-test/debian' });
    const program = await compileSyntheticTool(1, 'dynamic');
    const artifact = await syntheticArtifact({ program, libc: 'glibc' });
    let other: Promise<Placement> | undefined;
    const sandbox: Sandbox = {
      ...site.sandbox,
      readTar: async (path) => {
        await (other ??= site.inject(artifact));
        return await site.sandbox.readTar(path);
      },
    };
    const { directory, reused } = await site.inject(artifact, { sandbox });
    expect(reused).toBe(true);
    expect(directory).toBe((await other)?.directory);
    expect(await placementsIn(site.name)).toHaveLength(1);
  });

  test('prove what another one placed before they use it, and place anew what was changed meanwhile', async () => {
    const notices: Notice[] = [];
    await using site = await startSite({ image });
    const artifact = await syntheticArtifact({ program });
    const reporter = {
      notice: (notice: Notice) => notices.push(notice),
      progress: () => ({ advance: () => undefined, end: () => undefined }),
    };
    const first = await site.inject(artifact);
    await site.shell('0', `echo evil > ${first.directory}/note.txt`);
    const placements = await Promise.all([1, 2, 3].map(() => site.inject(artifact, { reporter })));
    expect(new Set(placements.map(({ directory }) => directory)).size).toBe(1);
    expect(placements[0]?.directory).not.toBe(first.directory);
    expect(notices.filter(({ text }) => text.includes('was changed'))).toHaveLength(3);
    expect(await placementsIn(site.name)).toHaveLength(2);
  });
});

/** A health check that answers when there is a certain file, so that an injection takes as long as a test wants. */
const PATIENT = { ballast: 6_000_000, config: { healthcheck: ['patient', '/go'] } };

async function letGo(container: string): Promise<void> {
  await docker('exec', '--user', '0', container, 'touch', '/go');
}

/** A process that holds the lock and does not go on: its note has come. */
async function startHolder(folder: string, reference: string): Promise<StartedCli> {
  const ledger = join(folder, 'cache/v1/placements');
  await mkdir(ledger, { recursive: true });
  const watcher = watch(ledger);
  try {
    const holder = startCli(['inject', reference], { cwd: folder });
    const isNoted = new Promise<void>((resolve) => {
      watcher.on('change', (_, name) => {
        if (/^[0-9a-f]{64}-[0-9a-f]{16}\.json$/.test(String(name))) resolve();
      });
    });
    await Promise.race([isNoted, holder.end]);
    expect(holder.process.exitCode).toBeNull();
    return holder;
  } finally {
    watcher.close();
  }
}

/**
 * Notes a directory as a process that was killed before it wrote anything.
 * @param who another process that it is, which may be alive.
 */
async function notedByKilled(
  site: InjectionSite,
  artifact: InjectableArtifact,
  who: ProcessIdentity = { ...ownIdentity(), start: 1 },
): Promise<string> {
  const directory = `/var/lib/toolcrib/${formatPlacementName(artifact, Buffer.alloc(8, 7))}`;
  const { digest } = artifact;
  await createNotes(site.ledger, () => 0).note(site.sandbox.identity, { directory, digest, state: 'writing' });
  const [name = ''] = await readdir(site.ledger);
  const note = join(site.ledger, name);
  await writeFile(note, (await readFile(note, 'utf8')).replace(formatIdentity(ownIdentity()), formatIdentity(who)));
  return directory;
}

describe('an injection that waits for another one', ready, () => {
  test('says for which process, and places by itself when that one is killed', async () => {
    await using project = await syntheticProject(PATIENT);
    await using container = await startContainer({ image, args: ['--user', '1000'] });
    const reference = `docker:${container.name}`;
    const holder = await startHolder(project.folder, reference);
    const waiting = startCli(['--json', 'inject', reference], { cwd: project.folder });
    await waiting.said(`waiting for process ${holder.process.pid ?? ''}, which is at ${reference}`);
    holder.process.kill('SIGKILL');
    await once(holder.process, 'close');
    await letGo(container.name);
    const end = await waiting.end;
    expect(end).toMatchObject({ code: 0 });
    const directory = textOf(documentOf(end), 'placement', 'directory') ?? '';
    expect(await placementsIn(container.name)).toEqual([directory.slice('/var/lib/toolcrib/'.length)]);
  });

  test('takes away as well what the engine writes after its client was killed', async () => {
    await using site = await startSite({ image, entered: false });
    const artifact = await syntheticArtifact({ program: await compileSyntheticTool() });
    const killed = await notedByKilled(site, artifact);
    const sandbox: Sandbox = {
      ...site.sandbox,
      unpackTar: async (parent, tar) => {
        await site.shell('0', `mkdir -p ${killed} && echo half > ${killed}/program`);
        await site.sandbox.unpackTar(parent, tar);
      },
    };
    const { directory } = await site.inject(artifact, { sandbox });
    expect(await placementsIn(site.name)).toEqual([directory.slice('/var/lib/toolcrib/'.length)]);
    expect(await readdir(site.ledger)).toEqual([...(await entriesOf(site.ledger)), 'locks']);
  });

  test('takes away as well what one left that had not quite ended when it let go of its lock', async () => {
    await using site = await startSite({ image, entered: false });
    const artifact = await syntheticArtifact({ program: await compileSyntheticTool() });
    const dying = spawn('sleep', ['60']);
    const killed = await notedByKilled(site, artifact, { ...ownIdentity(), pid: dying.pid ?? 0, start: 0 });
    await site.shell('0', `mkdir -p ${killed} && echo half > ${killed}/program`);
    const sandbox: Sandbox = {
      ...site.sandbox,
      unpackTar: async (parent, tar) => {
        await site.sandbox.unpackTar(parent, tar);
        dying.kill('SIGKILL');
        await once(dying, 'exit');
      },
    };
    const { directory } = await site.inject(artifact, { sandbox });
    expect(await placementsIn(site.name)).toEqual([directory.slice('/var/lib/toolcrib/'.length)]);
  });

  test('ends at once by Ctrl-C, and leaves the other one alone', async () => {
    await using project = await syntheticProject(PATIENT);
    await using container = await startContainer({ image, args: ['--user', '1000'] });
    const reference = `docker:${container.name}`;
    const holder = await startHolder(project.folder, reference);
    const waiting = startCli(['inject', reference], { cwd: project.folder });
    await waiting.said('waiting for process');
    waiting.process.kill('SIGINT');
    expect(await waiting.end).toMatchObject({ code: 130 });
    await letGo(container.name);
    expect(await holder.end).toMatchObject({ code: 0 });
    expect(await placementsIn(container.name)).toHaveLength(1);
  });
});
