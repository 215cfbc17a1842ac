import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { textOf } from '../../../src/core/json-fields.ts';
import { ejectTool, type EjectedDirectory, type EjectRequest } from '../../../src/inject/eject-tool.ts';
import { startTool } from '../../../src/inject/start-tool.ts';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import { docker, dockerAvailable } from '../../servers/docker.ts';
import { podman as runPodman, podmanAvailable, podmanSockets, startPodmanContainer } from '../../servers/podman.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { programsMissing } from '../build/samples.ts';
import { documentOf, toolcrib } from '../cli/command-line.ts';
import { entriesOf, startSite, type InjectionSite } from './inject-container.ts';
import { compileSyntheticTool, realClock, syntheticArtifact } from './synthetic-artifact.ts';
import { syntheticProject } from './synthetic-project.ts';

const busybox = 'toolcrib-test/busybox';
const bare = 'toolcrib-test/static';
const ready = requireOrSkip((await dockerAvailable(busybox, bare)) ?? (await programsMissing('gcc')));

async function eject(site: InjectionSite, more: Partial<EjectRequest> = {}): Promise<readonly EjectedDirectory[]> {
  const { sandbox, ledger } = site;
  const reporter = { notice: () => undefined, progress: () => ({ advance: () => undefined, end: () => undefined }) };
  return await ejectTool({
    sandbox,
    ledger,
    clock: realClock,
    reporter,
    tool: 'synthetic',
    versions: undefined,
    ...more,
  });
}

/** As on another machine than the engine's: only programs of the container could remove something. */
function withoutRemover({ sandbox }: InjectionSite): Sandbox {
  const { remover: _remover, ...others } = sandbox;
  return others;
}

async function listIn(site: InjectionSite, parent = '/var/lib/toolcrib'): Promise<readonly string[]> {
  return (await site.shell('0', `ls ${parent}`)).split('\n').filter((line) => line !== '');
}

describe('ejecting a tool from a container', ready, () => {
  let program: Buffer = Buffer.alloc(0);
  let second: Buffer = Buffer.alloc(0);
  beforeAll(async () => {
    program = await compileSyntheticTool();
    second = await compileSyntheticTool(2);
  });

  test.for([
    { args: [], parent: '/var/lib/toolcrib' },
    { args: ['--user', '1000'], parent: '/var/lib/toolcrib' },
    { args: ['--read-only', '--tmpfs', '/tmp:exec', '--user', '1000'], parent: '/tmp/toolcrib' },
  ])('takes all of it away, once: $args', async ({ args, parent }) => {
    await using site = await startSite({ image: busybox, args });
    const artifact = await syntheticArtifact({ program });
    const { directory } = await site.inject(artifact);
    expect(await listIn(site, parent)).toHaveLength(1);
    const expected = { directory, tool: 'synthetic', version: 1, kind: 'placement', outcome: 'removed', reason: null };
    expect(await eject(site)).toEqual([expected]);
    expect(await listIn(site, parent)).toEqual([]);
    expect((await readdir(site.ledger)).filter((name) => name !== 'locks')).toEqual([]);
    expect(await eject(site)).toEqual([]);
    expect(await site.inject(artifact)).toMatchObject({ reused: false });
  });

  test('takes the versions that were asked for, of that tool alone', async () => {
    await using site = await startSite({ image: busybox });
    const one = await site.inject(await syntheticArtifact({ program }));
    const two = await site.inject(await syntheticArtifact({ program: second, version: 2 }));
    expect(await eject(site, { tool: 'another' })).toEqual([]);
    expect(await eject(site, { versions: [3] })).toEqual([]);
    expect(await eject(site, { versions: [1] })).toMatchObject([{ directory: one.directory, version: 1 }]);
    expect(await listIn(site)).toEqual([two.directory.slice('/var/lib/toolcrib/'.length)]);
    expect(await eject(site)).toMatchObject([{ directory: two.directory, version: 2 }]);
    expect(await listIn(site)).toEqual([]);
  });

  test('takes what was placed before the container was started again, too', async () => {
    await using site = await startSite({ image: busybox });
    const { directory } = await site.inject(await syntheticArtifact({ program }));
    await docker('restart', '--time', '0', site.name);
    const sandbox = await openDockerSandbox(site.name, { env: process.env });
    try {
      expect(await eject(site, { sandbox })).toMatchObject([{ directory, outcome: 'removed' }]);
      expect(await listIn(site)).toEqual([]);
    } finally {
      await sandbox.close();
    }
  });

  test('takes what was found changed and replaced, and says when something is gone already', async () => {
    await using site = await startSite({ image: busybox });
    const artifact = await syntheticArtifact({ program });
    const changed = await site.inject(artifact);
    await site.shell('0', `echo evil > ${changed.directory}/note.txt`);
    const placed = await site.inject(artifact);
    await site.shell('0', `rm -r ${placed.directory}`);
    expect(await eject(site)).toMatchObject([
      { directory: placed.directory, kind: 'placement', outcome: 'absent' },
      { directory: changed.directory, kind: 'replaced', outcome: 'removed' },
    ]);
    expect(await eject(site)).toEqual([]);
  });

  test('never follows a link that was planted on the way, in its place, or in it', async () => {
    const host = await mkdtemp(join(tmpdir(), 'outside-'));
    try {
      await using site = await startSite({ image: busybox, args: ['--volume', `${host}:/host`] });
      const artifact = await syntheticArtifact({ program });
      const on = await site.inject(artifact);
      const name = on.directory.slice('/var/lib/toolcrib/'.length);
      await mkdir(join(host, name));
      await writeFile(join(host, name, 'precious'), 'precious');
      const isSafe = async () => expect(await readdir(join(host, name))).toEqual(['precious']);

      await site.shell('0', 'mv /var/lib/toolcrib /var/lib/moved && ln -s /host /var/lib/toolcrib');
      expect(await eject(site)).toMatchObject([{ outcome: 'left', reason: '/var/lib/toolcrib is a link' }]);
      await isSafe();
      await site.shell('0', 'rm /var/lib/toolcrib && mkdir /var/lib/toolcrib');
      await site.shell('0', `ln -s /host/${name} ${on.directory}`);
      expect(await eject(site)).toMatchObject([
        { outcome: 'left', reason: expect.stringContaining('a link stands there') as string },
      ]);
      await isSafe();
      await site.shell('0', `rm ${on.directory} && mv /var/lib/moved/${name} ${on.directory}`);
      await site.shell('0', `ln -s /host/${name} ${on.directory}/lib/link && ln -s /host ${on.directory}/up`);
      expect(await eject(site)).toMatchObject([{ outcome: 'removed' }]);
      await isSafe();
      expect(await listIn(site)).toEqual([]);
    } finally {
      await rm(host, { recursive: true });
    }
  });

  const DEEP = Array.from({ length: 140 }, () => 'd').join('/');

  test('takes away what was made too deep for the namespace helper, under whatever name that left it', async () => {
    await using site = await startSite({ image: busybox });
    const { directory } = await site.inject(await syntheticArtifact({ program }));
    await site.shell('0', `mkdir -p ${directory}/${DEEP}`);
    expect(await eject(site)).toMatchObject([{ directory, outcome: 'removed' }]);
    expect(await site.shell('0', 'ls -A /var/lib/toolcrib')).toBe('');
  });

  test.for([
    { where: 'on the disk', args: [], parent: '/var/lib/toolcrib' },
    { where: 'in a tmpfs', args: ['--tmpfs', '/opt:exec'], parent: '/opt/toolcrib' },
  ])(
    'believes no rm that lies when the namespace helper failed, and knows the tree on: $where',
    async ({ args, parent }) => {
      await using site = await startSite({ image: busybox, args });
      const { directory } = await site.inject(await syntheticArtifact({ program }), { install: [parent] });
      await site.shell(
        '0',
        `mkdir -p ${directory}/${DEEP}; mv /bin/rm /bin/was; printf '#!/bin/sh\n' >/bin/rm; chmod 755 /bin/rm`,
      );
      const reason = expect.stringContaining('could not remove everything') as string;
      expect(await eject(site)).toMatchObject([{ directory, kind: 'placement', outcome: 'left', reason }]);
      expect(await site.shell('0', `ls -A ${parent}`)).not.toBe('');
      await site.shell('0', 'mv /bin/was /bin/rm');
      expect(await eject(site)).toMatchObject([{ directory, kind: 'leftover', outcome: 'removed' }]);
      expect(await site.shell('0', `ls -A ${parent}`)).toBe('');
    },
  );

  test('says that it cannot where the container has no rm, and a later injection uses what stays', async () => {
    await using site = await startSite({ image: bare, args: ['--user', '1000'] });
    const artifact = await syntheticArtifact({ program });
    const { directory } = await site.inject(artifact);
    const taken = await eject(site, { sandbox: withoutRemover(site) });
    expect(taken).toMatchObject([{ directory, outcome: 'left', reason: expect.stringContaining('no rm') as string }]);
    expect(await site.inject(artifact)).toMatchObject({ directory, reused: true });
  });

  test('knows what a failed injection could not take away, and never uses it', async () => {
    await using site = await startSite({ image: bare, args: ['--user', '1000'] });
    const broken = await syntheticArtifact({ program, healthcheck: ['fail'] });
    const sandbox = withoutRemover(site);
    const injecting = site.inject(broken, { sandbox, install: ['/opt/toolcrib'] });
    await expect(injecting).rejects.toThrow('the tool is broken');
    expect(await entriesOf(site.ledger)).toEqual([]);
    const [left] = await eject(site, { sandbox, tool: 'another' });
    expect(left).toMatchObject({
      kind: 'leftover',
      outcome: 'left',
      reason: expect.stringContaining('no rm') as string,
    });
    expect(left?.directory).toMatch(/^\/opt\/toolcrib\/synthetic-v1-/);
    const artifact = await syntheticArtifact({ program });
    const placed = await site.inject(artifact, { sandbox, install: ['/opt/toolcrib'] });
    expect(placed.directory).not.toBe(left?.directory);
    expect(site.notices.filter(({ text: said }) => said.includes(left?.directory ?? '?'))).not.toEqual([]);
  });

  test('lets a program that runs from there go on', async () => {
    await using site = await startSite({ image: busybox });
    const placement = await site.inject(await syntheticArtifact({ program }));
    const running = await startTool({ sandbox: site.sandbox, placement, args: ['cat'], stdin: true });
    running.stdin.write('before\n');
    running.stderr.resume();
    expect(await eject(site)).toMatchObject([{ outcome: 'removed' }]);
    running.stdin.end('after\n');
    expect(await text(running.stdout)).toBe('before\nafter\n');
    expect(await running.exit).toMatchObject({ code: 0 });
  });
});

describe('toolcrib eject', ready, () => {
  test.for(['docker', 'exec', 'local'])(
    'takes a tool out of a sandbox of the kind %s, and a second time finds nothing',
    async (kind) => {
      await using project = await syntheticProject();
      await using site = await startSite({ image: busybox });
      const box = join(project.folder, 'box');
      await mkdir(box);
      const reference =
        { docker: `docker:${site.name}`, exec: `exec:docker exec -i ${site.name}`, local: `local:${box}` }[kind] ?? '';
      const options = { cwd: project.folder };
      expect(await toolcrib(['eject', reference], options)).toMatchObject({
        code: 0,
        stdout: `nothing of synthetic v1 is known to be in ${reference}\n`,
      });
      expect(await toolcrib(['inject', reference], options)).toMatchObject({ code: 0 });
      const end = await toolcrib(['--json', 'eject', reference], options);
      expect(documentOf(end)).toMatchObject({
        sandbox: reference,
        tool: 'synthetic',
        versions: [1],
        directories: [{ version: 1, kind: 'placement', outcome: 'removed', reason: null }],
      });
      expect(end.code).toBe(0);
      expect(await toolcrib(['inject', reference], options)).toMatchObject({ code: 0 });
      const said = await toolcrib(['eject', '--all-versions', reference], options);
      expect(said).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^removed {2}\/var\/lib\/toolcrib\/synthetic-v1-/) as string,
      });
      expect(await readdir(join(box, 'var/lib/toolcrib')).catch(() => [])).toEqual([]);
      expect(await site.shell('0', 'ls /var/lib/toolcrib 2>/dev/null; true')).toBe('');
    },
  );

  test('ends with 8 and the reason when something is still there, also with --quiet', async () => {
    await using project = await syntheticProject();
    const box = join(project.folder, 'box');
    await mkdir(box);
    const options = { cwd: project.folder };
    expect(await toolcrib(['inject', 'local:box'], options)).toMatchObject({ code: 0 });
    await rm(join(box, 'var/lib'), { recursive: true });
    await symlink(project.folder, join(box, 'var/lib'));
    const end = await toolcrib(['--quiet', 'eject', 'local:box'], options);
    expect(end).toMatchObject({ code: 8, stdout: expect.stringContaining('/var/lib is a link') as string });
  });
});

const podman = requireOrSkip((await podmanAvailable('rootful')) ?? (await podmanAvailable('rootless')));

describe('toolcrib eject of a container of Podman', podman, () => {
  test.for([
    { kind: 'rootful', user: '0' },
    { kind: 'rootless', user: '1000' },
  ] as const)('takes all of it away, $kind with user $user', async ({ kind, user }) => {
    await using project = await syntheticProject();
    await using container = await startPodmanContainer(kind, { image: busybox, args: ['--user', user] });
    const options = { cwd: project.folder, env: { CONTAINER_HOST: `unix://${podmanSockets[kind]}` } };
    const reference = `podman:${container.name}`;
    const placed = documentOf(await toolcrib(['--json', 'inject', reference], options));
    const directory = textOf(placed, 'placement', 'directory') ?? '';
    expect(directory).not.toBe('');
    const taken = documentOf(await toolcrib(['--json', 'eject', reference], options));
    expect(taken).toMatchObject({ directories: [{ directory, outcome: 'removed' }] });
    expect(await runPodman(kind, 'exec', container.name, 'ls', dirname(directory))).toBe('');
  });
});
