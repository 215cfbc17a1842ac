import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { docker, dockerAvailable } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { entriesOf, startSite, withoutNamespace } from './inject-container.ts';
import { compileSyntheticTool, realClock, syntheticArtifact } from './synthetic-artifact.ts';

const image = 'toolcrib-test/busybox';
const ready = requireOrSkip(await dockerAvailable(image, 'toolcrib-test/debian'));

describe('a container that an agent prepared', ready, () => {
  let program: Buffer = Buffer.alloc(0);
  let artifact: InjectableArtifact;
  beforeAll(async () => {
    program = await compileSyntheticTool();
    artifact = await syntheticArtifact({ program });
  });

  test('does not get its environment into the tool, and gets it back for its commands', async () => {
    const planted = {
      LD_PRELOAD: '/evil.so',
      LD_LIBRARY_PATH: '/evil',
      GLIBC_TUNABLES: 'glibc.malloc.check=3',
      BUN_OPTIONS: '--preload /evil.js',
      BUN_BE_BUN: '1',
      NODE_OPTIONS: '--require /evil.js',
      MALLOC_TRACE: '/trace',
      GCONV_PATH: '/evil',
      LOCPATH: '/evil',
      HOSTALIASES: '/evil',
      JSC_useJIT: '0',
      LANG: 'de_DE.UTF-8',
      PROJECT: 'the image says so',
    };
    const args = Object.entries(planted).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    await using site = await startSite({ image, args: [...args, '--workdir', '/home'] });
    const placement = await site.inject(artifact);
    const env = { LD_AUDIT: '/given.so', GIVEN: 'by the user', TOOLCRIB_SANDBOX_CONTEXT: '{}' };
    const { stdout } = await site.call(placement, ['env'], { env });
    const seen = new Map(
      stdout
        .split('\0')
        .filter((line) => line !== '')
        .map((line) => splitPair(line)),
    );
    expect([...seen.keys()].sort()).toEqual(['GIVEN', 'HOME', 'HOSTNAME', 'PATH', 'TOOLCRIB_SANDBOX_CONTEXT']);
    expect(JSON.parse(seen.get('TOOLCRIB_SANDBOX_CONTEXT') ?? '')).toEqual({
      env: { ...planted, LD_AUDIT: '/given.so', GIVEN: 'by the user' },
      unset: ['TOOLCRIB_SANDBOX_CONTEXT'],
      cwd: '/home',
    });
  });

  test('cannot put files into the working directory of the tool', async () => {
    await using site = await startSite({ image, args: ['--workdir', '/site'] }, async ({ shell }) => {
      await shell(
        '0',
        'echo "preload = [\\"/evil.js\\"]" > /site/bunfig.toml; echo EVIL=1 > /site/.env; echo /evil.so > /etc/ld.so.preload',
      );
    });
    const placement = await site.inject(artifact);
    expect((await site.call(placement, ['cwd'])).stdout).toBe(`${placement.directory}\n`);
    expect(await site.shell('0', `ls -A ${placement.directory}`)).toBe('bin\nlib\nnote.txt');
  });

  test('has no directory of the host written through a link or a mount', async () => {
    const host = await mkdtemp(join(tmpdir(), 'host-directory-'));
    try {
      const args = ['--volume', `${host}:/mnt/host`, '--volume', `${host}:/opt/toolcrib`];
      await using site = await startSite({ image, args }, async ({ shell }) => {
        await shell('0', 'mkdir -p /var/lib; ln -s /mnt/host /var/lib/toolcrib; ln -s /mnt/host /tmp/toolcrib');
      });
      const refused = site.inject(artifact);
      await expect(refused).rejects.toMatchObject({
        code: 'NOT_INJECTABLE',
        details: {
          plan: expect.arrayContaining([
            'archive in /var/lib/toolcrib: /var/lib/toolcrib is a link',
            'archive in /opt/toolcrib: /opt/toolcrib is a directory of the host: nothing is written outside the sandbox',
            'exec-tar in /tmp/toolcrib: /tmp/toolcrib is a link',
          ]) as string[],
        },
      });
      const elsewhere = await site.inject(artifact, { install: ['/var/lib/toolcrib', '/srv/toolcrib'] });
      expect(elsewhere).toMatchObject({ rung: 'namespace', protection: 'same-user' });
      expect(elsewhere.directory).toMatch(/^\/srv\/toolcrib\//);
      expect(await readdir(host)).toEqual([]);
    } finally {
      await rm(host, { recursive: true });
    }
  });

  test('is found out when it swaps a directory for a link while the tree is written', async () => {
    const host = await mkdtemp(join(tmpdir(), 'host-directory-'));
    try {
      await using site = await startSite({ image, args: ['--volume', `${host}:/mnt/host:ro`], entered: false });
      await site.shell('0', 'mkdir -p /srv/a/toolcrib');
      const reporter = {
        notice: () => undefined,
        progress: () => ({
          advance: () => undefined,
          end: () => undefined,
        }),
      };
      const { sandbox } = site;
      const swapping = {
        ...sandbox,
        // The moment between the examination and the engine's unpacking.
        unpackTar: async (parent: string, tar: AsyncIterable<Uint8Array>) => {
          await site.shell('0', 'mv /srv/a /srv/b; ln -s /srv/b /srv/a');
          await sandbox.unpackTar(parent, tar);
        },
      };
      const injecting = site.inject(artifact, { sandbox: swapping, install: ['/srv/a/toolcrib'], reporter });
      await expect(injecting).rejects.toThrow('after placing, /srv/a is a link');
      expect(await readdir(host)).toEqual([]);
      expect(await entriesOf(site.ledger)).toEqual([]);
    } finally {
      await rm(host, { recursive: true });
    }
  });

  test('where root could lead the engine to the host is written by its own programs', async () => {
    const host = await mkdtemp(join(tmpdir(), 'host-directory-'));
    try {
      await using site = await startSite({ image, args: ['--volume', `${host}:/mnt/host`], entered: false });
      const { sandbox } = site;
      const swapping = {
        ...sandbox,
        // The moment between the examination and the engine's unpacking.
        unpackTar: async (parent: string, tar: AsyncIterable<Uint8Array>) => {
          await site.shell('0', 'mv /var /was; ln -s /mnt/host /var; mkdir -p /mnt/host/lib');
          await sandbox.unpackTar(parent, tar);
        },
      };
      const placement = await site.inject(artifact, { sandbox: swapping });
      expect(placement).toMatchObject({ rung: 'exec-tar', protection: 'same-user', readBack: 'engine' });
      expect(placement.plan.map(({ rung, reason }) => `${rung}: ${reason}`)).toEqual([
        'namespace: a test keeps it closed',
        'archive: root in the sandbox could lead the engine into /mnt/host while it unpacks',
        'exec-tar: placed by programs of the sandbox as its own user and proven',
      ]);
      expect(site.notices.filter(({ kind }) => kind === 'warning')).toEqual([]);
      await site.shell('0', `rm /bin/tar /bin/cat; ${planted('tar', 'exit 1')}; ${planted('cat', 'exit 1')}`);
      const again = site.inject(artifact, { sandbox: swapping, ledger: `${site.ledger}/other` });
      await expect(again).rejects.toMatchObject({ code: 'NOT_INJECTABLE' });
      expect(await readdir(host)).toEqual([]);
    } finally {
      await rm(host, { recursive: true });
    }
  });

  test('where root could lead the engine to the host, and no program helps, has that said', async () => {
    await using site = await startSite({ image, args: ['--volume', '/mnt/volume'], entered: false });
    await site.shell('0', 'rm /bin/tar /bin/cat');
    const placement = await site.inject(artifact);
    expect(placement).toMatchObject({ rung: 'archive', protection: 'same-user' });
    const race = 'root in the sandbox can lead what writes into /mnt/volume, which is outside of it';
    expect(placement.why).toContain(`while it was written, ${race}`);
    const warnings = site.notices.filter(({ kind }) => kind === 'warning');
    expect(warnings.map(({ text }) => text)).toEqual([`while ${site.sandbox.reference} is written, ${race}`]);
  });

  test('with a PATH that its user can write gets no program of that user run as root', async () => {
    const tmpfs = ['--read-only', '--tmpfs', '/place:exec,mode=755', '--tmpfs', '/tmp:exec,mode=1777'];
    await using site = await startSite({
      image: 'toolcrib-test/debian',
      args: [...tmpfs, '--user', '1000', '--env', 'PATH=/tmp/evil:/bin'],
    });
    const evil = '#!/bin/sh\n/bin/id -u >> /tmp/pwned\nexec "/bin/${0##*/}" "$@"\n';
    await site.shell(
      '1000',
      `mkdir /tmp/evil; for n in cat mkdir chmod sh rm; do
      printf '%s' '${evil}' > /tmp/evil/$n; /bin/chmod 755 /tmp/evil/$n; done; /bin/touch /tmp/pwned; /bin/chmod 666 /tmp/pwned`,
    );
    const { sandbox } = site;
    const withoutTar = { ...sandbox, ways: ['exec-cat'] as const };
    const placement = await site.inject(artifact, { sandbox: withoutTar, install: ['/place'] });
    expect(placement.plan.at(-1)?.reason).toBe('placed by programs of the sandbox as root and proven');
    expect(await site.shell('1000', '/bin/cat /tmp/pwned')).toBe('');
  });

  const stalled = 'did not end within 30 s without progress';
  test.each([
    ['exec-tar', 'tar', 'exec sleep 100000', `placing ${stalled}`],
    ['exec-tar', 'tar', 'exec yes', 'the program wrote more than 16777216 bytes'],
    ['exec-tar', 'tar', 'exec yes >&2', 'the program wrote more than 16777216 bytes'],
    ['exec-tar', 'tar', '[ "$1" = -x ] && exec busybox tar "$@"; exec sleep 100000', `reading back ${stalled}`],
    ['exec-tar', 'tar', '[ "$1" = -x ] && exec busybox tar "$@"; exec yes >&2', `reading back ${stalled}`],
    ['exec-cat', 'cat', 'exec sleep 100000', `placing ${stalled}`],
    ['exec-cat', 'cat', '[ $# = 0 ] && exec busybox cat; exec sleep 100000', `reading back ${stalled}`],
  ] as const)('cannot hold an injection up for ever: %s, %s is "%s"', async (rung, program, script, reason) => {
    await using site = await startSite(
      { image, args: ['--tmpfs', '/place:exec'], entered: false },
      async ({ shell }) => {
        await shell(
          '0',
          `rm /bin/${program}; ${planted(program, script)}; rm /bin/rm; ${planted('rm', 'exec >&- 2>&-; exec sleep 9999')}`,
        );
      },
    );
    const only = { ...site.sandbox, ways: [rung] };
    const injecting = site.inject(artifact, { sandbox: only, install: ['/place'], clock: hastyClock });
    await expect(injecting).rejects.toMatchObject({
      code: 'NOT_INJECTABLE',
      details: { plan: [`${rung} in /place: ${reason}`] },
    });
    expect(site.notices.map(({ text }) => text)).toEqual([
      expect.stringContaining('an unfinished placement was left in /place/'),
    ]);
    expect(site.notices[0]?.text).toContain('rm did not end within 10 s');
  });

  test('with install directories of uid 1000 gets the tool elsewhere, or the result says that they are writable', async () => {
    const prepare = async ({ shell }: { shell: (user: string, script: string) => Promise<string> }) => {
      await shell('0', 'mkdir -p /var/lib/toolcrib; chown 1000 /var/lib/toolcrib');
      await shell('1000', 'echo forged > /var/lib/toolcrib/.toolcrib-installed; mkdir /var/lib/toolcrib/synthetic-v1');
    };
    for (const user of ['0', '1000']) {
      await using site = await startSite({ image, args: ['--user', user] }, prepare);
      const placement = await site.inject(artifact);
      expect(placement.directory).toMatch(/^\/opt\/toolcrib\//);
      expect(placement.protection).toBe(user === '0' ? 'same-user' : 'root-owned');
      const there = await site.inject(artifact, { install: ['/var/lib/toolcrib'], ledger: `${site.ledger}/other` });
      expect(there).toMatchObject({ rung: 'namespace', protection: 'writable-parent' });
      expect(there.why).toContain('/var/lib/toolcrib belongs to uid 1000');
      const byItself = await site.inject(artifact, {
        sandbox: withoutNamespace(site.sandbox),
        install: ['/var/lib/toolcrib'],
        ledger: `${site.ledger}/third`,
      });
      expect(byItself.rung).toBe('exec-tar');
      expect(byItself.plan[1]?.reason).toContain('a link planted there would lead the engine elsewhere');
    }
  });

  test('with directories that everybody can write does not get a claim that they are protected', async () => {
    const prepare = async ({ shell }: { shell: (user: string, script: string) => Promise<string> }) => {
      await shell('0', 'mkdir -p /srv/open/toolcrib /srv/sticky; chmod 777 /srv/open; chmod 1777 /srv/sticky');
    };
    await using site = await startSite({ image, args: ['--user', '1000'] }, prepare);
    const closed = { install: ['/srv/open/toolcrib'], sandbox: withoutNamespace(site.sandbox) };
    await expect(site.inject(artifact, closed)).rejects.toMatchObject({ code: 'NOT_INJECTABLE' });
    const open = await site.inject(artifact, { install: ['/srv/open/toolcrib'] });
    expect(open).toMatchObject({ rung: 'namespace', protection: 'writable-parent' });
    const sticky = await site.inject(artifact, { install: ['/srv/sticky/toolcrib'], ledger: `${site.ledger}/other` });
    expect(sticky).toMatchObject({ rung: 'namespace', protection: 'root-owned' });
    await expect(site.shell('1000', `mv /srv/sticky/toolcrib /srv/sticky/mine`)).rejects.toThrow();
  });

  test('with a tmpfs over the install directory that its engine knows gets the tool elsewhere', async () => {
    await using site = await startSite({ image, args: ['--tmpfs', '/var/lib/toolcrib:exec', '--user', '1000'] });
    const placement = await site.inject(artifact);
    expect(placement).toMatchObject({ protection: 'root-owned', rung: 'namespace' });
    expect(placement.directory).toMatch(/^\/opt\/toolcrib\//);
  });

  test('with a tmpfs that its engine does not know is found out by the health check', async () => {
    await using site = await startSite({ image, entered: false }, async ({ name, shell }) => {
      await shell('0', 'mkdir -p /var/lib/toolcrib');
      const pid = await docker('inspect', '--format', '{{.State.Pid}}', name);
      await mountInside(pid, '/var/lib/toolcrib');
    });
    const placement = await site.inject(artifact);
    expect(placement.plan[1]).toMatchObject({ rung: 'archive', parent: '/var/lib/toolcrib', usable: false });
    expect(placement.plan[1]?.reason).toContain('no such file');
    expect((await site.call(placement, ['version'])).stdout).toBe('synthetic v1\n');
    expect(['writable-parent', 'same-user']).toContain(placement.protection);
  });

  test('with a volume in the way has that said in the result', async () => {
    await using site = await startSite({ image, args: ['--volume', '/var/lib/toolcrib', '--user', '1000'] });
    const placement = await site.inject(artifact);
    expect(placement).toMatchObject({ rung: 'namespace', protection: 'writable-parent', readBack: 'host' });
    expect(placement.why).toContain('/var/lib/toolcrib is a volume');
  });

  test('whose user cannot be looked up gets no claim about what that user cannot do', async () => {
    await using site = await startSite({ image, args: ['--user', '1000'] });
    const { sandbox } = site;
    const named = { ...sandbox, identity: { ...sandbox.identity, user: 'nobody-knows' } };
    const placement = await site.inject(artifact, { sandbox: named });
    expect(placement.protection).toBe('same-user');
    expect(placement.why).toContain('cannot be looked up');
  });
});

function splitPair(line: string): [string, string] {
  const cut = line.indexOf('=');
  return [line.slice(0, cut), line.slice(cut + 1)];
}

/** A shell command that plants a program. */
function planted(program: string, script: string): string {
  const bytes = Buffer.from(`#!/bin/busybox sh\n${script}\n`).toString('base64');
  return `echo ${bytes} | base64 -d > /bin/${program} && chmod 755 /bin/${program}`;
}

/** Twenty times as fast, so that nobody waits for deadlines. */
const hastyClock: Clock = { ...realClock, sleep: (ms, signal) => realClock.sleep(ms / 20, signal) };

/** Mounts a tmpfs in a container's mount namespace, as a root agent with the right to mount would. */
async function mountInside(pid: string, path: string): Promise<void> {
  const { execFile } = await import('node:child_process');
  const { promisify } = await import('node:util');
  await promisify(execFile)('nsenter', ['--target', pid, '--mount', '/bin/mount', '-t', 'tmpfs', 'none', path]);
}
