import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layoutOf } from '../../../src/cache/layout.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { treesOfArtifact } from '../../../src/cache/trees.ts';
import { hostTreeOf } from '../../../src/flows/host-tree.ts';
import { createHost, type Host } from '../../../src/flows/host.ts';
import { cacheOf } from '../../../src/flows/resolve-artifact.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { ejectTool } from '../../../src/inject/eject-tool.ts';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import type { Injection } from '../../../src/inject/injection.ts';
import type { Placement } from '../../../src/inject/placement.ts';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import type { NamespaceMount, Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { createScratch } from '../../unit/disk/scratch.ts';
import { startDockerDaemon } from '../../servers/docker-daemon.ts';
import { docker } from '../../servers/docker.ts';
import { PODMAN_USER, podmanAvailable, podmanSockets, startPodmanContainer } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { mountSmallDisk } from '../../servers/small-disk.ts';
import { cannotEnter } from './enterable.ts';
import { startSite, type InjectionSite } from './inject-container.ts';
import { compileSyntheticTool, injectionOf, syntheticArtifact } from './synthetic-artifact.ts';

const run = promisify(execFile);
const [busybox, noProgram] = ['toolcrib-test/busybox', 'toolcrib-test/static'] as const;

const ready = requireOrSkip(await cannotEnter(busybox, noProgram));
const withPodman = requireOrSkip((await cannotEnter(busybox, noProgram)) ?? (await podmanAvailable('rootful')));

describe('a tree of this host that is mounted in a container that runs', ready, () => {
  let artifact: InjectableArtifact;
  let cache: string;
  let host: Host;
  beforeAll(async () => {
    artifact = await syntheticArtifact({ program: await compileSyntheticTool() });
    cache = await mkdtemp(join(tmpdir(), 'toolcrib-cache-'));
    host = hostWith(cache);
  });
  afterAll(() => rm(cache, { recursive: true }));

  const hostWith = (cacheDirectory: string) => createHost({ env: process.env, cwd: tmpdir(), cacheDirectory });
  const hostTree = () => hostTreeOf(artifact, host);
  const mountIn = (site: InjectionSite, more: Partial<Injection> = {}) =>
    site.inject(artifact, { hostTree: hostTree(), ...more });
  const trees = () => readdir(treesOfArtifact(layoutOf(cache), artifact.digest));

  /** A container that was started again is opened again. */
  async function reopened<T>(site: InjectionSite, work: (sandbox: Sandbox) => Promise<T>): Promise<T> {
    const sandbox = await openDockerSandbox(site.name, { env: process.env });
    try {
      return await work(sandbox);
    } finally {
      await sandbox.close();
    }
  }

  function eject(site: InjectionSite, sandbox = site.sandbox) {
    const { ledger, clock, reporter } = injectionOf(sandbox, artifact, site.ledger);
    return ejectTool({ sandbox, tool: 'synthetic', versions: undefined, ledger, clock, reporter });
  }

  const namesIn = (site: InjectionSite, directory = '/var/lib/toolcrib') =>
    site.shell('0', `ls -A ${directory} 2>/dev/null || true`).then((text) => text.split('\n').filter(Boolean));
  const mountsIn = (site: InjectionSite) => site.shell('0', 'grep -c synthetic-v1- /proc/mounts || true');

  test('holds against root in it: it cannot be written, mounted anew, taken away, or have its place taken', async () => {
    await using site = await startSite({ image: busybox });
    const placement = await mountIn(site);
    expect(placement).toMatchObject({ rung: 'overlay', protection: 'read-only-mount', readBack: 'host' });
    expect(placement.plan).toMatchObject([{ rung: 'overlay', usable: true }]);
    const { directory } = placement;
    expect(directory).toMatch(/^\/var\/lib\/toolcrib\/synthetic-v1-/);
    for (const attempt of [
      `echo x > ${directory}/note.txt`,
      `touch ${directory}/new`,
      `chmod 777 ${directory}/note.txt`,
      `mount -o remount,rw ${directory}`,
      `mount -o remount,bind,rw ${directory}`,
      `umount ${directory}`,
      `umount -l ${directory}`,
      `mv ${directory} /elsewhere`,
      `rmdir ${directory}`,
      `mount -t tmpfs none ${directory}`,
    ]) {
      await expect(site.shell('0', attempt), attempt).rejects.toThrow();
    }
    expect((await site.call(placement, ['version'])).stdout).toBe('synthetic v1\n');
    expect(await site.shell('0', `grep ${directory} /proc/mounts`)).toMatch(/ ro,nosuid,nodev,/);
    expect(site.notices.filter(({ kind }) => kind === 'warning')).toEqual([]);
  });

  test('is found again by a look, and nothing is proven again, also where the user is root', async () => {
    await using site = await startSite({ image: busybox });
    const { directory, provenAt } = await mountIn(site);
    expect(await mountIn(site)).toMatchObject({ directory, provenAt, reused: true });
    expect(await site.inject(artifact)).toMatchObject({ directory, provenAt, reused: true });
    expect(await mountsIn(site)).toBe('1');
  });

  test.each([
    ['no program in it and no capability', noProgram, ['--cap-drop', 'ALL', '--user', '1000'], '/var/lib/toolcrib/'],
    ['a tmpfs over its install directory', busybox, ['--tmpfs', '/var/lib/toolcrib:exec'], '/var/lib/toolcrib/'],
    ['a read-only root and a tmpfs', noProgram, ['--read-only', '--tmpfs', '/opt:exec'], '/opt/toolcrib/'],
    [
      'nothing but a tmpfs where nothing can be started',
      noProgram,
      ['--read-only', '--tmpfs', '/tmp'],
      '/tmp/toolcrib/',
    ],
  ] as const)('comes into a container with %s', async (_, image, args, parent) => {
    await using site = await startSite({ image, args });
    const placement = await mountIn(site);
    expect(placement).toMatchObject({ rung: 'overlay', protection: 'read-only-mount' });
    expect(placement.directory.startsWith(parent)).toBe(true);
    expect(await mountIn(site)).toMatchObject({ directory: placement.directory, reused: true });
    expect((await eject(site)).map(({ outcome }) => outcome)).toEqual(['removed']);
  });

  test('is one for all sandboxes, and is compared once for those that are injected together', async () => {
    const shared = hostTree();
    await using one = await startSite({ image: busybox });
    await using other = await startSite({ image: noProgram });
    const placed = await Promise.all([one, other].map((site) => mountIn(site, { hostTree: shared })));
    expect(placed.map(({ rung }) => rung)).toEqual(['overlay', 'overlay']);
    expect((await trees()).length).toBe(1);
    const [tree, same] = [await shared.provide(), await shared.provide()];
    expect(tree).toBe(same);
    expect(tree.verify()).toBe(same.verify());
  });

  test('keeps leases and locks of one sandbox from holding up another one, or this host', async () => {
    await using folder = await createScratch();
    const program = join(folder.path, 'file-lease');
    await run('gcc', ['-o', program, join(import.meta.dirname, 'file-lease.c')]);
    await using one = await startSite({ image: busybox });
    await using other = await startSite({ image: busybox });
    const paths = await Promise.all(
      [one, other].map(async (site) => {
        const { directory } = await mountIn(site);
        const pid = (await docker('inspect', '--format', '{{.State.Pid}}', site.name)).trim();
        return `/proc/${pid}/root${directory}/note.txt`;
      }),
    );
    const [tree = ''] = await trees();
    const source = join(treesOfArtifact(layoutOf(cache), artifact.digest), tree, 'note.txt');
    const holder = spawn(program, ['hold', paths[0] ?? ''], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      expect(String((await once(holder.stdout, 'data'))[0])).toBe('held\n');
      await expect(run(program, ['try', paths[0] ?? ''])).rejects.toMatchObject({ code: 1 });
      await run(program, ['try', paths[1] ?? '']);
      await run(program, ['try', source]);
    } finally {
      holder.stdin.end();
      await once(holder, 'exit');
    }
  });

  test('is mounted once by several injections at the same time', async () => {
    await using site = await startSite({ image: busybox });
    const placed = await Promise.all([1, 2, 3].map(() => mountIn(site)));
    expect(new Set(placed.map(({ directory }) => directory)).size).toBe(1);
    expect(await mountsIn(site)).toBe('1');
  });

  test('is taken away by eject, with its directory', async () => {
    await using site = await startSite({ image: busybox });
    const { directory } = await mountIn(site);
    expect(await eject(site)).toMatchObject([{ directory, outcome: 'removed', kind: 'placement' }]);
    expect([await namesIn(site), await mountsIn(site)]).toEqual([[], '0']);
    expect((await trees()).length).toBe(1);
    expect(await eject(site)).toEqual([]);
    expect(await mountIn(site)).toMatchObject({ reused: false });
  });

  test('is gone after a restart: what it leaves is empty, is used by nobody, and goes with the next injection or eject', async () => {
    await using site = await startSite({ image: busybox });
    const { directory: first } = await mountIn(site);
    await docker('restart', '--time', '0', site.name);
    expect(await namesIn(site, first)).toEqual([]);
    const { directory: second } = await reopened(site, (sandbox) => mountIn(site, { sandbox }));
    expect(await namesIn(site)).toEqual([second.replace(/.*\//, '')]);
    await docker('restart', '--time', '0', site.name);
    expect(await reopened(site, (sandbox) => eject(site, sandbox))).toMatchObject([
      { directory: second, outcome: 'removed' },
    ]);
    expect(await namesIn(site)).toEqual([]);
  });

  test('is not used when root renamed a directory above it, whatever stands at its path now', async () => {
    await using site = await startSite({ image: busybox });
    const { directory } = await mountIn(site);
    const forge = `mv /var/lib/toolcrib /var/lib/was; mkdir -p ${directory}/bin; echo forged > ${directory}/note.txt`;
    await site.shell('0', forge);
    const again = await mountIn(site);
    expect(again).toMatchObject({ rung: 'overlay', reused: false });
    expect(again.directory).not.toBe(directory);
    await site.shell('0', `mv /var/lib/toolcrib /var/lib/led; ln -s led /var/lib/toolcrib`);
    expect(await mountIn(site)).toMatchObject({
      reused: false,
      directory: expect.stringMatching(/^\/opt\//) as string,
    });
  });

  test('is told by eject to stay when root renamed a directory above it', async () => {
    await using site = await startSite({ image: busybox });
    const { directory } = await mountIn(site);
    await site.shell('0', `mv /var/lib/toolcrib /var/lib/was; mkdir -p ${directory}`);
    const moved = directory.replace('/var/lib/toolcrib', '/var/lib/was');
    const reason = `root in the sandbox moved the mount to ${moved}, where it stays until the sandbox stops`;
    const left = { directory, outcome: 'left', reason };
    for (let time = 0; time < 2; time += 1) expect(await eject(site)).toMatchObject([{ ...left, kind: 'placement' }]);
    const { directory: second } = await mountIn(site);
    expect(await eject(site)).toMatchObject([
      { directory: second, outcome: 'removed' },
      { ...left, kind: 'replaced' },
    ]);
    expect(await eject(site)).toMatchObject([{ ...left, kind: 'replaced' }]);
    await mountIn(site);
    expect(site.notices.filter(({ kind }) => kind === 'warning')).toEqual([]);
    await docker('restart', '--time', '0', site.name);
    await reopened(site, (sandbox) => eject(site, sandbox));
    expect(await namesIn(site)).toEqual([]);
    expect(await reopened(site, (sandbox) => eject(site, sandbox))).toEqual([]);
  });

  test('is not used when its bytes are wrong: it is told, taken away, and another one is made', async () => {
    await using site = await startSite({ image: busybox });
    await hostTree().provide();
    const [name = ''] = await trees();
    const tree = join(treesOfArtifact(layoutOf(cache), artifact.digest), name);
    await writeFile(join(tree, 'note.txt'), 'A note\n');
    const notices: string[] = [];
    const reporter = { ...silentReporter, notice: ({ text }: { readonly text: string }) => void notices.push(text) };
    const placed = await mountIn(site, { hostTree: hostTreeOf(artifact, { ...host, reporter }) });
    expect(placed).toMatchObject({ rung: 'overlay', plan: [{ rung: 'overlay', usable: true }] });
    expect(notices).toContainEqual(
      expect.stringContaining('is not used any more: reading it back shows that note.txt has'),
    );
    expect(await site.shell('0', `cat ${placed.directory}/note.txt`)).toBe('a note');
    expect([(await namesIn(site)).length, await mountsIn(site), (await trees()).length]).toEqual([1, '1', 2]);
    await rm(tree, { recursive: true });
  });

  test('is not used when somebody touched the tree on this host since', async () => {
    await using site = await startSite({ image: busybox });
    const { directory } = await mountIn(site);
    const [name = ''] = await trees();
    const file = join(treesOfArtifact(layoutOf(cache), artifact.digest), name, 'note.txt');
    await writeFile(file, 'A note\n');
    const again = await mountIn(site);
    expect(again).toMatchObject({ rung: 'overlay', reused: false });
    expect(again.directory).not.toBe(directory);
    expect(await site.shell('0', `cat ${again.directory}/note.txt`)).toBe('a note');
    expect((await trees()).length).toBe(2);
    await rm(join(file, '..'), { recursive: true });
  });

  test('is not used again when it shows more than the tree, or others came to write above it', async () => {
    const { empty, trees: above } = layoutOf(cache);
    await using site = await startSite({ image: busybox });
    await mountIn(site);
    await mkdir(join(empty, 'lib'));
    try {
      const more = await mountIn(site);
      expect(more).toMatchObject({
        rung: 'namespace',
        plan: [{ rung: 'overlay', reason: `${empty} is not empty` }, {}],
      });
    } finally {
      await rm(join(empty, 'lib'), { recursive: true });
    }
    await eject(site);
    await mountIn(site);
    await chmod(above, 0o777);
    try {
      const weak = await mountIn(site);
      expect(weak.plan[0]).toMatchObject({ usable: false, reason: `others than root can write ${above} of this host` });
      expect(weak.protection).toBe('same-user');
    } finally {
      await chmod(above, 0o755);
    }
  });

  const liberty = 'the sandbox could mount it anew, or write past the mount: ';
  test.each([
    [['--cap-add', 'SYS_ADMIN'], `${liberty}it has the capability SYS_ADMIN`],
    [['--pid', 'host'], `${liberty}it sees processes outside of it`],
    [['--security-opt', 'seccomp=unconfined'], `${liberty}it has another seccomp profile than that of its engine`],
    [['--volume', '/tmp:/work'], '/work shows something of the host, and may be another way to it'],
    [['--volume', '/work'], '/work shows something of the host, and may be another way to it'],
  ])('is copied instead, and it is told why, where it would not hold: %j', async (args, reason) => {
    await using site = await startSite({ image: busybox, args });
    const placement = await mountIn(site);
    expect(placement.plan[0]).toEqual({ rung: 'overlay', parent: '/var/lib/toolcrib', usable: false, reason });
    expect(['archive', 'namespace']).toContain(placement.rung);
    expect(placement.protection).not.toBe('read-only-mount');
    expect(await mountsIn(site)).toBe('0');
  });

  test('is copied instead where others can write a directory above it', async () => {
    const prepare = (site: Pick<InjectionSite, 'shell'>) => site.shell('0', 'mkdir -m 777 /open').then(() => undefined);
    await using site = await startSite({ image: busybox }, prepare);
    const { plan, rung } = await mountIn(site, { install: ['/open/place'] });
    expect(plan[0]).toMatchObject({ rung: 'overlay', reason: 'others than root can write /open (mode 0777)' });
    expect(rung).not.toBe('overlay');
    expect(await namesIn(site, '/open/place')).toHaveLength(1);
  });

  test('is copied instead where the cache is not safe, or lets no program start', async () => {
    await using site = await startSite({ image: busybox });
    const open = await mkdtemp(join(tmpdir(), 'open-'));
    await chmod(open, 0o777);
    const unsafe = hostTreeOf(artifact, hostWith(join(open, 'cache')));
    const { plan } = await site.inject(artifact, { hostTree: unsafe });
    expect(plan[0]).toMatchObject({ usable: false, reason: `others than root can write ${open} of this host` });
    expect(await readdir(open)).toEqual([]);
    await eject(site);
    await chmod(open, 0o755);
    await run('mount', ['-t', 'tmpfs', '-o', 'noexec,mode=755', 'none', open]);
    try {
      const cache = join(open, 'cache');
      const tree = hostTreeOf(artifact, hostWith(cache));
      const still = await site.inject(artifact, { hostTree: tree });
      expect(still.plan[0]?.reason).toContain('of this host is on a file system that is mounted noexec');
      expect(still.rung).toBe('namespace');
      expect(await readdir(open)).toEqual([]); // the reason was seen before the tree was written
      await run('mount', ['-o', 'remount,ro,exec', open]);
      expect(await tree.refusal()).toMatch(/^cannot write to .*EROFS/);
    } finally {
      await run('umount', [open]);
      await rm(open, { recursive: true });
    }
  });

  test.each(['of à\u00a0r\rlong,\\name: and no end', 'a-long-name-'.repeat(20)])(
    'may have any path, however long: %j',
    async (name) => {
      await using site = await startSite({ image: busybox });
      await using folder = await createScratch();
      const hostTree = hostTreeOf(artifact, hostWith(join(folder.path, name)));
      const { directory, rung } = await site.inject(artifact, { hostTree });
      expect(rung).toBe('overlay');
      expect(await site.inject(artifact, { hostTree })).toMatchObject({ directory, reused: true });
      await eject(site);
    },
  );

  test('is not made again and again where somebody goes on changing it', async () => {
    await using site = await startSite({ image: busybox });
    const { trees: directory } = layoutOf(cache);
    const tree = hostTree();
    let made = 0;
    const changed = {
      ...tree,
      provide: async () => {
        const one = await tree.provide();
        await writeFile(join(one.path, 'note.txt'), `changed ${(made += 1)}`);
        return one;
      },
    };
    const placement = await site.inject(artifact, { hostTree: changed });
    expect(placement).toMatchObject({
      rung: 'namespace',
      plan: [{ rung: 'overlay', usable: false }, { usable: true }],
    });
    expect(made).toBe(2);
    await rm(directory, { recursive: true });
  });

  test('leaves no note where it was not made', async () => {
    const prepare = (site: Pick<InjectionSite, 'shell'>) =>
      site.shell('0', 'mkdir /data && ln -s /data /var/lib/toolcrib').then(() => undefined);
    await using site = await startSite({ image: busybox }, prepare);
    const { directory } = await mountIn(site);
    expect(directory).toMatch(/^\/opt\//);
    expect(await eject(site)).toMatchObject([{ directory, outcome: 'removed' }]);
  });

  test('is copied instead where somebody filled the directory that is to be empty', async () => {
    await using site = await startSite({ image: busybox });
    await using folder = await createScratch();
    const { empty } = layoutOf(folder.path);
    await mkdir(join(empty, 'stranger'), { recursive: true });
    const filled = await site.inject(artifact, { hostTree: hostTreeOf(artifact, hostWith(folder.path)) });
    expect(filled.plan[0]).toMatchObject({ usable: false, reason: `${empty} is not empty` });
    expect(filled.rung).toBe('namespace');
  });

  test('is copied instead when this host has no room for it', async () => {
    await using disk = await mountSmallDisk(1);
    await using site = await startSite({ image: busybox });
    const large = await syntheticArtifact({ program: await compileSyntheticTool(), ballast: 1_500_000 });
    const { plan, rung } = await site.inject(large, { hostTree: hostTreeOf(large, hostWith(disk.path)) });
    expect(plan[0]).toMatchObject({ rung: 'overlay', usable: false });
    expect(plan[0]?.reason).toMatch(/^cannot write .*: ENOSPC/);
    expect(plan.filter((step) => step.rung === 'overlay')).toHaveLength(1);
    expect(rung).toBe('namespace');
  });

  test('is not used by who wants a copy, which takes its place', async () => {
    await using site = await startSite({ image: busybox, args: ['--user', '1000'] });
    const { directory } = await mountIn(site);
    const copied = await site.inject(artifact, { isCopyWanted: true });
    expect(copied).toMatchObject({ rung: 'namespace', reused: false });
    expect(await mountIn(site)).toMatchObject({ directory: copied.directory, reused: true });
    await docker('restart', '--time', '0', site.name);
    expect(await namesIn(site, copied.directory)).toContain('note.txt');
    expect((await reopened(site, (sandbox) => eject(site, sandbox))).map((one) => one.directory).sort()).toEqual(
      [directory, copied.directory].sort(),
    );
    expect(await namesIn(site)).toEqual([]);
  });

  describe('when it ends in its middle', () => {
    /** Calls something before the mount is made, and when it stands there. */
    function interrupted(
      sandbox: Sandbox,
      at: 'before' | 'after',
      act: (request: NamespaceMount) => Promise<void>,
    ): Sandbox {
      const { namespace } = sandbox;
      if (namespace === undefined || 'closed' in namespace || 'closed' in namespace.mounter) throw new Error('closed');
      const { mounter } = namespace;
      const mount = async (request: NamespaceMount) => {
        let count = 0;
        await mounter.mount({
          ...request,
          examine: async (way) => {
            await request.examine(way);
            count += 1;
            if (count === (at === 'before' ? 1 : 2)) await act(request);
          },
        });
      };
      return { ...sandbox, namespace: { ...namespace, mounter: { ...mounter, mount } } };
    }

    const killHelper = async ({ base, tree, empty }: NamespaceMount) => {
      const pattern = `namespace-helper.* mount [0-9]+ same .* ${base} ${tree} ${empty}$`;
      await run('pkill', ['--signal', 'KILL', '--full', pattern]);
    };

    test.each(['before', 'after'] as const)(
      'because the helper was killed %s it was mounted, another way is taken',
      async (at) => {
        await using site = await startSite({ image: busybox });
        const sandbox = interrupted(site.sandbox, at, killHelper);
        const placement = await mountIn(site, { sandbox, install: ['/var/lib/toolcrib'] });
        expect(placement.plan[0]?.reason).toContain('SIGKILL');
        expect(placement.rung).toBe('namespace');
        expect(await namesIn(site)).toEqual([placement.directory.replace(/.*\//, '')]);
        expect(await mountsIn(site)).toBe('0');
      },
    );

    test.each(['before', 'after'] as const)(
      'because it was interrupted %s it was mounted, nothing is left',
      async (at) => {
        await using site = await startSite({ image: busybox });
        const over = new AbortController();
        const sandbox = interrupted(site.sandbox, at, () => {
          over.abort(new Error('interrupted'));
          return Promise.resolve();
        });
        await expect(mountIn(site, { sandbox, signal: over.signal })).rejects.toThrow('interrupted');
        expect([await namesIn(site), await mountsIn(site)]).toEqual([[], '0']);
      },
    );

    test('because an agent moved the directory meanwhile, it is taken away again', async () => {
      await using site = await startSite({ image: busybox });
      const sandbox = interrupted(site.sandbox, 'before', async () => {
        await site.shell(
          '0',
          'mkdir -p /var/lib/toolcrib && (while ! mv /var/lib/toolcrib/* /moved; do :; done) >/dev/null 2>&1 &',
        );
      });
      const placement = await mountIn(site, { sandbox, install: ['/var/lib/toolcrib'] }).catch(
        (error: unknown) => error,
      );
      const usable = placement as Placement;
      if (usable.rung !== 'overlay') expect(await mountsIn(site)).toBe('0');
      else expect((await site.call(usable, ['version'])).stdout).toBe('synthetic v1\n');
    });
  });

  test('is not collected while a sandbox has it mounted, and is when none has it any more', async () => {
    const own = await mkdtemp(join(tmpdir(), 'toolcrib-cache-'));
    const ownHost = hostWith(own);
    const limits = { maxBytes: 0, maxAgeMs: 0 };
    const later = { ...ownHost, clock: { ...ownHost.clock, now: () => Date.now() + 2 * 3600 * 1000 } };
    const kept = () => readdir(treesOfArtifact(layoutOf(own), artifact.digest)).catch(() => []);
    try {
      await using site = await startSite({ image: busybox });
      await site.inject(artifact, { hostTree: hostTreeOf(artifact, ownHost) });
      expect((await cacheOf(later).ls()).trees).toMatchObject([
        { kind: 'tree', leased: true, digest: artifact.digest },
      ]);
      expect((await cacheOf(later).collect(limits)).removed).toEqual([]);
      expect(await kept()).toHaveLength(1);
      await eject(site);
      expect((await cacheOf(ownHost).collect(limits)).removed).toEqual([]);
      expect((await cacheOf(later).collect(limits)).removed).toMatchObject([{ kind: 'tree', digest: artifact.digest }]);
      expect(await kept()).toEqual([]);
    } finally {
      await rm(own, { recursive: true });
    }
  });

  test('is copied instead where the engine maps users', async () => {
    await using daemon = await startDockerDaemon(busybox, [`--userns-remap=${PODMAN_USER}`]);
    const id = await daemon.docker('run', '--detach', '--network', 'none', busybox, 'sleep', 'infinity');
    const env = { DOCKER_HOST: `unix://${daemon.socket}` };
    const { plan, rung } = await injectInto(await openDockerSandbox(id, { env }));
    expect(plan[0]).toMatchObject({
      rung: 'overlay',
      usable: false,
      reason: 'the engine maps users, and root of the container is another than that of this machine',
    });
    expect(rung).not.toBe('overlay');
  });

  test('is copied instead with Podman, which does not tell all that this rests on', withPodman, async () => {
    await using container = await startPodmanContainer('rootful', { image: busybox });
    const env = { CONTAINER_HOST: `unix://${podmanSockets.rootful}` };
    const { plan, rung } = await injectInto(await openDockerSandbox(container.name, { env, scheme: 'podman' }));
    const reason = 'its first process may be in namespaces that it gave itself';
    expect(plan[0]).toMatchObject({ rung: 'overlay', usable: false, reason });
    expect(rung).not.toBe('overlay');
  });

  async function injectInto(sandbox: Sandbox): Promise<Placement> {
    const ledger = await mkdtemp(join(tmpdir(), 'ledger-'));
    try {
      return await injectTool({ ...injectionOf(sandbox, artifact, ledger), hostTree: hostTree() });
    } finally {
      await sandbox.close();
      await rm(ledger, { recursive: true });
    }
  }
});
