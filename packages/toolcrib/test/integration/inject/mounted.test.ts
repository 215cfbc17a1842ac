import { randomUUID } from 'node:crypto';
import { chown, mkdir, readdir, rmdir, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldOf, textOf } from '../../../src/core/json-fields.ts';
import { docker, dockerAvailable, startContainer, type Container } from '../../servers/docker.ts';
import { podmanAvailable, podmanSockets, startPodmanContainer } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import type { ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing } from '../build/samples.ts';
import { documentOf, toolcrib } from '../cli/command-line.ts';
import { commandSite, type CommandSite } from '../flows/sandbox-site.ts';
import { syntheticProject } from './synthetic-project.ts';

const missing =
  (await programsMissing('gcc')) ?? (await dockerAvailable('toolcrib-test/busybox', 'toolcrib-test/static'));

describe('a sandbox that is made with what mount-args prints', requireOrSkip(missing), () => {
  let project: ScratchProject;
  let site: CommandSite;
  beforeAll(async () => {
    project = await syntheticProject();
    site = await commandSite(project.folder);
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await project[Symbol.asyncDispose]();
  });

  /** Arguments as a shell would split them. */
  const mountArgs = async (...options: readonly string[]): Promise<readonly string[]> => {
    const end = await site.run('mount-args', ...options);
    if (end.code !== 0) throw new Error(end.stderr);
    return end.stdout.trim().split(' ');
  };
  const sandboxWith = async (...args: readonly string[]): Promise<Container> =>
    startContainer({ image: 'toolcrib-test/busybox', args });
  const inject = (container: Container) => site.json('inject', `docker:${container.name}`);

  test('has the tool, proven, without a copy: root in it cannot change it, and a second injection proves nothing again', async () => {
    await using container = await sandboxWith(...(await mountArgs()));
    const first = await inject(container);
    expect(first).toMatchObject({ placement: { rung: 'mount', protection: 'read-only-mount', reused: false } });
    const path = textOf(first, 'placement', 'directory') ?? '';
    const write = ['sh', '-c', `mount -o remount,rw ${path}; umount ${path}; echo x > ${path}/bin/synthetic`];
    await expect(docker('exec', '--user', '0', container.name, ...write)).rejects.toThrow('Read-only file system');
    const provenAt = fieldOf(first, 'placement', 'provenAt');
    expect(await inject(container)).toMatchObject({ placement: { rung: 'mount', reused: true, provenAt } });
    expect(await site.run('exec', `docker:${container.name}`, '--', 'version')).toMatchObject({
      code: 0,
      stdout: 'synthetic v1\n',
    });
    expect(await docker('diff', container.name)).not.toContain('bin/synthetic');
    const told = await site.run('inject', `docker:${container.name}`);
    expect(told.stdout).toContain('read-only-mount: the engine mounted it read-only');
    const end = await site.run('eject', `docker:${container.name}`);
    expect(end.code).toBe(0);
    expect(end.stdout.split('\n')[0]).toBe(`left     ${path}`);
    expect(end.stdout.replace(/\s+/g, ' ')).toContain('the sandbox was made with this mount');
    expect(await inject(container)).toMatchObject({ placement: { rung: 'mount', reused: true, provenAt } });
  });

  test('is not used when root in it moved a directory above the mount, whatever stands at its path now', async () => {
    await using container = await sandboxWith(...(await mountArgs()));
    const path = textOf(await inject(container), 'placement', 'directory') ?? '';
    const forge = `mv /var/lib/toolcrib /var/lib/was; mkdir /var/lib/toolcrib; cp -r /var/lib/was/* /var/lib/toolcrib`;
    await docker('exec', '--user', '0', container.name, 'sh', '-c', forge);
    for (const reused of [false, true]) {
      const again = await inject(container);
      expect(again).toMatchObject({ placement: { rung: 'overlay', protection: 'read-only-mount', reused } });
      expect(textOf(again, 'placement', 'directory')).not.toBe(path);
    }
  });

  test('has the tool without a ledger that can be written: it is proven each time', async () => {
    await using container = await sandboxWith(...(await mountArgs()));
    const env = { TOOLCRIB_LEDGER_DIR: '/proc/ledger' };
    const run = (...args: readonly string[]) =>
      toolcrib(['--json', 'inject', `docker:${container.name}`, ...args], { cwd: project.folder, env });
    expect(documentOf(await run('--plan'))).toMatchObject({ possible: true });
    expect(documentOf(await run())).toMatchObject({ placement: { rung: 'mount', reused: false } });
    expect(documentOf(await run())).toMatchObject({ placement: { rung: 'mount', reused: false } });
  });

  test('needs nothing in it, and may have a read-only root file system', async () => {
    const args = [...(await mountArgs()), '--read-only', '--cap-drop', 'ALL', '--user', '1000'];
    await using container = await startContainer({ image: 'toolcrib-test/static', args });
    expect(await inject(container)).toMatchObject({ placement: { rung: 'mount', protection: 'read-only-mount' } });
  });

  test.each([
    [['--cap-add', 'SYS_ADMIN'], 'it has the capability SYS_ADMIN'],
    [['--pid', 'host'], 'it sees processes outside of it'],
    [['--device', '/dev/null'], 'it has devices of its host'],
    [['--security-opt', 'systempaths=unconfined'], 'it kept the settings of the kernel from it'],
    [['--security-opt', 'seccomp=unconfined'], 'it has another seccomp profile'],
    [['--ipc', 'host'], 'it shares memory with others'],
    [['--volume', '/var/run/docker.sock:/e.sock:ro'], '/e.sock shows something of the host'],
    [['--volume', '/tmp:/host'], '/host shows something of the host'],
    [['--volume', '/proc:/hp:ro'], '/hp shows something of the host'],
    [['--volume', '/more'], '/more shows something of the host'],
  ])('is not said to be safe from root in it when it has %j: it is proven again each time', async (args, why) => {
    await using container = await sandboxWith(...(await mountArgs()), ...args);
    const expected: unknown = expect.stringContaining(why);
    const placement = { rung: 'mount', protection: 'writable-parent', why: expected };
    expect(await inject(container)).toMatchObject({ placement: { ...placement, reused: false } });
    expect(await inject(container)).toMatchObject({ placement: { ...placement, reused: true } });
  });

  test('is not said to be safe when root in it can write the tree by another name of its directory', async () => {
    const [option = '', value = ''] = await mountArgs();
    const tree = dirname(/source=(?<path>[^,]*)/.exec(value)?.groups?.['path'] ?? '');
    const alias = join(project.folder, 'alias');
    await symlink(tree, alias);
    const volume = `toolcrib-test-${randomUUID()}`;
    await docker('volume', 'create', '--opt', 'type=none', '--opt', 'o=bind', '--opt', `device=${tree}`, volume);
    try {
      for (const source of [alias, volume]) {
        await using container = await sandboxWith(option, value, '--volume', `${source}:/x`);
        expect(await docker('exec', container.name, 'ls', '/x')).toMatch(/^synthetic-v1-/);
        const placement = { rung: 'mount', protection: 'writable-parent' };
        expect(await inject(container)).toMatchObject({ placement: { ...placement, reused: false } });
      }
    } finally {
      await docker('volume', 'rm', '--force', volume);
      await unlink(alias);
    }
  });

  test('is not said to be safe any more when an agent that is its first process gave itself namespaces', async () => {
    const [option = '', value = ''] = await mountArgs();
    const wait =
      'while [ ! -e /tmp/go ]; do sleep 0.05; done; exec unshare -Urm sh -c "touch /tmp/gone; exec sleep 1000"';
    const args = [option, value, '--security-opt', 'seccomp=unconfined', '--user', '1000', '--tmpfs', '/tmp'];
    await using container = await startContainer({ image: 'toolcrib-test/busybox', args, command: ['sh', '-c', wait] });
    const why: unknown = expect.stringContaining('seccomp');
    expect(await inject(container)).toMatchObject({ placement: { protection: 'writable-parent', why } });
    await docker('exec', container.name, 'sh', '-c', 'touch /tmp/go; while [ ! -e /tmp/gone ]; do sleep 0.05; done');
    const left: unknown = expect.stringContaining('namespaces that it gave itself');
    expect(await inject(container)).toMatchObject({ placement: { protection: 'writable-parent', why: left } });
  });

  test('is safe beside another tool that it was given in the same way', async () => {
    const args = await mountArgs();
    const other = args.map((arg) => arg.replace(/target=[^,]*/, 'target=/other'));
    await using container = await sandboxWith(...args, ...other, '--tmpfs', '/scratch');
    expect(await inject(container)).toMatchObject({ placement: { rung: 'mount', protection: 'read-only-mount' } });
  });

  test('is not said to be safe either when its mount is writable', async () => {
    const [option = '', value = ''] = await mountArgs();
    await using container = await sandboxWith(option, value.replace(',readonly', ''));
    const why: unknown = expect.stringContaining('is not mounted read-only');
    expect(await inject(container)).toMatchObject({ placement: { rung: 'mount', protection: 'writable-parent', why } });
  });

  test('shares one tree with others, which a changed byte puts out of use', async () => {
    const directory = join(project.folder, 'trees');
    const args = await mountArgs('--directory', directory);
    expect(await mountArgs('--directory', directory)).toEqual(args);
    await using container = await sandboxWith(...args);
    const [tree = ''] = await readdir(directory);
    await writeFile(join(directory, tree, 'bin/synthetic'), 'something else');
    const end = await site.run('--json', 'inject', `docker:${container.name}`);
    expect(documentOf(end)).toMatchObject({ placement: { rung: 'overlay', protection: 'read-only-mount' } });
    expect(end.stderr).toMatch(/the tool that is mounted at .* is not used: .* does not have .* bytes/);
    const again = await site.run('mount-args', '--directory', directory);
    expect(again.stderr).toMatch(/is not what was placed there and is not used any more/);
    expect(again.stdout.trim().split(' ')).not.toEqual(args);
    expect(await readdir(directory)).toHaveLength(2);
    expect(await mountArgs('--directory', directory)).toEqual(again.stdout.trim().split(' '));
  });

  test('may have it from a volume, which others may share', async () => {
    const name = `toolcrib-test-${randomUUID()}`;
    try {
      const args = await mountArgs('--volume', name);
      expect(args.join(' ')).toMatch(
        new RegExp(`^--mount type=volume,source=${name},target=/var/lib/.*-mount,readonly$`),
      );
      expect(await site.json('mount-args', '--volume', name)).toMatchObject({
        reused: true,
        args: { kubernetes: null },
      });
      await using container = await sandboxWith(...args);
      expect(await inject(container)).toMatchObject({ placement: { rung: 'mount', protection: 'writable-parent' } });
      const mountpoint = await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', name);
      await writeFile(join(mountpoint, 'more'), '');
      const end = await site.run('mount-args', '--volume', name);
      expect(end).toMatchObject({ code: 4, stdout: '' });
      expect(end.stderr).toMatch(/holds something else than synthetic v1 .* hint: .*docker volume rm/s);
    } finally {
      await docker('volume', 'rm', '--force', name);
    }
  });

  test('has it in a volume that was empty when it started, too: the directory of the volume stays the same', async () => {
    const name = `toolcrib-test-${randomUUID()}`;
    try {
      await using container = await sandboxWith('--volume', `${name}:/tool`);
      await mountArgs('--volume', name);
      expect(await docker('exec', container.name, 'ls', '/tool')).toContain('bin');
    } finally {
      await docker('volume', 'rm', '--force', name);
    }
  });

  test('is used through a command that executes, too, which tells all of itself', async () => {
    await using container = await sandboxWith(...(await mountArgs()));
    const reference = `exec:docker exec -i ${container.name}`;
    expect(await site.json('inject', reference)).toMatchObject({
      placement: { rung: 'mount', protection: 'writable-parent', readBack: 'exec' },
    });
  });

  test('keeps its tree, whatever the cache is asked to make room for, until all such trees are to go', async () => {
    const { path } = sourceOf(await site.json('mount-args'));
    const collected = await site.json('cache', 'gc', '--max-bytes', '0');
    expect(collected).toMatchObject({ mounts: [] });
    expect(await readdir(dirname(path))).toHaveLength(1);
    expect(await site.json('cache', 'verify')).toMatchObject({});
    const mine = join(dirname(path), 'mine');
    await mkdir(mine);
    expect(await site.json('cache', 'gc', '--mounts', '--dry-run')).toMatchObject({ mounts: [path] });
    expect(await site.json('cache', 'gc', '--mounts')).toMatchObject({ mounts: [path] });
    expect(await readdir(dirname(path))).toEqual(['mine']);
    await rmdir(mine);
  });

  test('is not asked to have a tree from where another user could lead root elsewhere while it is written', async () => {
    const directory = join(project.folder, 'theirs');
    await mkdir(directory);
    await chown(directory, 1000, 1000);
    const end = await site.run('mount-args', '--directory', directory);
    expect(end).toMatchObject({ code: 2, stdout: '' });
    expect(end.stderr).toMatch(/root does not place a tree in .*theirs belongs to uid 1000/);
    expect(await readdir(directory)).toEqual([]);
  });

  test('is described for other engines, and refuses what means nothing', async () => {
    const { args } = (await site.json('mount-args')) as { readonly args: Readonly<Record<string, string>> };
    expect(args['podman']).toMatch(/^--mount type=bind,source=.*,ro=true$/);
    expect((await site.run('mount-args', '--format', 'compose')).stdout).toBe(`${args['compose'] ?? ''}\n`);
    for (const wrong of [
      ['--format', 'x'],
      ['--volume', 'v', '--directory', 'd'],
      ['--volume', '../v'],
      ['--directory', 'a b'],
    ]) {
      expect(await site.run('mount-args', ...wrong)).toMatchObject({ code: 2, stdout: '' });
    }
  });
});

describe(
  'a Podman container',
  requireOrSkip((await programsMissing('gcc')) ?? (await podmanAvailable('rootful'))),
  () => {
    test('has the tool from a read-only mount, too, proven each time: Podman does not tell what keeps its root from changing it', async () => {
      await using project = await syntheticProject();
      const env = { CONTAINER_HOST: `unix://${podmanSockets.rootful}` };
      const run = (...args: readonly string[]) => toolcrib(args, { cwd: project.folder, env });
      const { stdout } = await run('mount-args', '--format', 'podman');
      const image = 'toolcrib-test/busybox';
      await using container = await startPodmanContainer('rootful', { image, args: stdout.trim().split(' ') });
      const why: unknown = expect.stringContaining('namespaces that it gave itself');
      expect(documentOf(await run('--json', 'inject', `podman:${container.name}`))).toMatchObject({
        placement: { rung: 'mount', protection: 'writable-parent', reused: false, why },
      });
      expect(documentOf(await run('--json', 'inject', `podman:${container.name}`))).toMatchObject({
        placement: { rung: 'mount', reused: true },
      });
    });
  },
);

function sourceOf(mounted: unknown): { readonly path: string } {
  return { path: textOf(mounted, 'source', 'path') ?? '' };
}
