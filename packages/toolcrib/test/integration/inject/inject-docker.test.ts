import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { IntegrityError } from '../../../src/core/errors.ts';
import { detectSandbox } from '../../../src/inject/detect-sandbox.ts';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import { DOCKER, docker, dockerAvailable, startContainer, type TestImage } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { execSite } from '../sandboxes/exec-site.ts';
import { entriesOf, startSite } from './inject-container.ts';
import { compileSyntheticTool, injectionOf, piecesOf, syntheticArtifact } from './synthetic-artifact.ts';

const busybox = 'toolcrib-test/busybox';
const ready = requireOrSkip(
  await dockerAvailable(
    busybox,
    'toolcrib-test/static',
    'toolcrib-test/debian',
    'toolcrib-test/musl',
    'toolcrib-test/arm64',
  ),
);

describe('injecting into a container', ready, () => {
  let program: Buffer = Buffer.alloc(0);
  beforeAll(async () => {
    program = await compileSyntheticTool();
  });

  const IMAGES: readonly TestImage[] = [busybox, 'toolcrib-test/static', 'toolcrib-test/debian', 'toolcrib-test/musl'];
  test.each(IMAGES)('%s without a network takes the tool, as root and as a plain user', async (image) => {
    const artifact = await syntheticArtifact({ program });
    for (const [user, entered, protection] of [
      ['0', true, 'same-user'],
      ['0', false, 'same-user'],
      ['1000', true, 'root-owned'],
      ['1000', false, 'root-owned'],
    ] as const) {
      await using site = await startSite({ image, args: ['--user', user], entered });
      const placement = await site.inject(artifact);
      const way = entered ? { rung: 'namespace', readBack: 'host' } : { rung: 'archive', readBack: 'engine' };
      expect(placement).toMatchObject({ ...way, protection, reused: false });
      expect(placement.directory).toMatch(/^\/var\/lib\/toolcrib\/synthetic-v1-[0-9a-f]{12}-[0-9a-f]{16}$/);
      expect((await site.call(placement, ['version'])).stdout).toBe('synthetic v1\n');
      expect((await site.call(placement, ['uid'])).stdout).toBe(`${user}\n`);
      expect((await site.call(placement, ['cwd'])).stdout).toBe(`${placement.directory}\n`);
    }
  });

  test('a second injection finds the placement by the ledger, and by that alone', async () => {
    await using site = await startSite({ image: busybox, args: ['--user', '1000'] });
    const artifact = await syntheticArtifact({ program });
    const first = await site.inject(artifact);
    const second = await site.inject({ ...artifact, tar: { ...artifact.tar, open: () => piecesOf(Buffer.alloc(9)) } });
    expect(second).toMatchObject({ directory: first.directory, provenAt: first.provenAt, reused: true });
    const { ledger } = site;
    const elsewhere = await site.inject(artifact, { ledger: `${ledger}/another` });
    expect(elsewhere.directory).not.toBe(first.directory);
    expect(elsewhere.reused).toBe(false);
  });

  test('what root in the container changed since is found, not used, and placed anew', async () => {
    await using site = await startSite({ image: busybox });
    const artifact = await syntheticArtifact({ program });
    const changes = [
      'echo evil > lib/deep/ballast',
      'cp bin/synthetic bin/other',
      'rm note.txt',
      'chmod 4755 bin/synthetic',
      'chown 1000 lib',
      'mv bin/synthetic /s; ln -s /s bin/synthetic',
      'mkdir extra',
    ];
    for (const change of changes) {
      const before = await site.inject(artifact);
      expect((await site.inject(artifact)).directory).toBe(before.directory);
      await site.shell('0', `cd ${before.directory} && ${change}`);
      const after = await site.inject(artifact);
      expect(after.directory, change).not.toBe(before.directory);
      expect(after.reused).toBe(false);
    }
    expect(site.notices.filter(({ text }) => text.includes('was changed'))).toHaveLength(changes.length);
  });

  test('a placement that is gone is placed anew', async () => {
    await using site = await startSite({ image: busybox, args: ['--user', '1000'] });
    const artifact = await syntheticArtifact({ program });
    const first = await site.inject(artifact);
    await site.shell('0', `rm -r ${first.directory}`);
    const second = await site.inject(artifact);
    expect(second.directory).not.toBe(first.directory);
  });

  test('injections at the same time leave placements that all work', async () => {
    await using site = await startSite({ image: busybox, args: ['--user', '1000'] });
    const artifact = await syntheticArtifact({ program });
    const placements = await Promise.all([1, 2, 3, 4].map(() => site.inject(artifact)));
    for (const placement of placements) expect((await site.call(placement, ['version'])).code).toBe(0);
    expect(await entriesOf(site.ledger)).toHaveLength(1);
  });

  test('a read-only root with a tmpfs takes the tool through programs of the sandbox, and says what that is worth', async () => {
    const artifact = await syntheticArtifact({ program });
    for (const user of ['0', '1000']) {
      await using site = await startSite({
        image: busybox,
        args: ['--read-only', '--tmpfs', '/tmp:exec', '--user', user],
        entered: false,
      });
      const placement = await site.inject(artifact);
      expect(placement).toMatchObject({ rung: 'exec-tar', protection: 'writable-parent', readBack: 'exec' });
      expect(placement.why).toContain('/tmp is a tmpfs');
      expect(placement.plan[1]).toMatchObject({
        rung: 'archive',
        reason: 'the root file system is read-only',
        usable: false,
      });
      expect((await site.call(placement, ['version'])).stdout).toBe('synthetic v1\n');
      expect((await site.inject(artifact)).directory).toBe(placement.directory);
    }
  });

  test('without tar the files go through a shell and cat', async () => {
    const artifact = await syntheticArtifact({ program });
    await using site = await startSite(
      { image: busybox, args: ['--tmpfs', '/place:exec,mode=1777', '--user', '1000'], entered: false },
      async ({ shell }) => {
        await shell('0', 'rm /bin/tar');
      },
    );
    const placement = await site.inject(artifact, { install: ['/place/toolcrib'] });
    expect(placement).toMatchObject({ rung: 'exec-cat', readBack: 'exec', protection: 'writable-parent' });
    expect(placement.plan.map(({ rung, reason }) => `${rung}: ${reason}`)[2]).toBe('exec-tar: the sandbox has no tar');
    expect((await site.call(placement, ['version'])).stdout).toBe('synthetic v1\n');
    expect((await site.inject(artifact)).reused).toBe(true);
    await site.shell('1000', `echo evil > ${placement.directory}/note.txt`);
    expect((await site.inject(artifact, { install: ['/place/toolcrib'] })).directory).not.toBe(placement.directory);
  });

  const SMALL: readonly (readonly [string, TestImage, boolean, string])[] = [
    ['the engine', busybox, true, ''],
    ['the mount namespace', busybox, true, '--tmpfs=/small:exec,size=64k'],
    ['tar of busybox', busybox, false, '--tmpfs=/small:exec,size=64k'],
    ['GNU tar', 'toolcrib-test/debian', false, '--tmpfs=/small:exec,size=64k'],
    ['cat', busybox, false, '--tmpfs=/small:exec,size=64k'],
  ];
  test.each(SMALL)(
    'where %s finds no room for the tool, the refusal asks for room',
    async (by, image, entered, tmpfs) => {
      const volume = `toolcrib-test-${randomUUID()}`;
      await docker('volume', 'create', '--opt', 'type=tmpfs', '--opt', 'device=tmpfs', '--opt', 'o=size=64k', volume);
      try {
        const args = ['--read-only', tmpfs === '' ? `--volume=${volume}:/small` : tmpfs];
        await using site = await startSite({ image, args, entered });
        const ways = site.sandbox.ways.filter((way) => (by === 'cat' ? way === 'exec-cat' : true));
        const injecting = injectTool(
          injectionOf({ ...site.sandbox, ways }, await syntheticArtifact({ program, ballast: 2e6 }), site.ledger, {
            install: ['/small'],
          }),
        );
        await expect(injecting).rejects.toMatchObject({
          code: 'NOT_INJECTABLE',
          hint: expect.stringContaining('free space in the sandbox') as string,
        });
        expect(await site.shell('0', 'ls /small')).toBe('');
      } finally {
        await docker('volume', 'rm', '--force', volume);
      }
    },
  );

  test.each(['toolcrib-test/busybox', 'toolcrib-test/debian'] as const)(
    'where a prefix finds no room in %s, the refusal asks for room',
    async (image) => {
      await using container = await startContainer({ image, args: ['--tmpfs', '/small:exec,size=64k'] });
      await using site = await execSite([DOCKER, 'exec', '-i', container.name]);
      const artifact = await syntheticArtifact({ program, ballast: 2e6 });
      await expect(site.inject(artifact, { install: ['/small'] })).rejects.toMatchObject({
        code: 'NOT_INJECTABLE',
        hint: expect.stringContaining('free space in the sandbox') as string,
      });
    },
  );

  test('a place where no program may be started is refused by its name', async () => {
    const artifact = await syntheticArtifact({ program });
    await using site = await startSite({ image: busybox, args: ['--read-only', '--tmpfs', '/tmp'] });
    await expect(site.inject(artifact)).rejects.toMatchObject({
      code: 'NOT_INJECTABLE',
      details: { plan: expect.arrayContaining(['exec-tar in /tmp/toolcrib: /tmp is mounted noexec']) as string[] },
    });
  });

  test('a container of another architecture is refused before a byte is sent', async () => {
    const artifact = await syntheticArtifact({ program });
    const tar = {
      ...artifact.tar,
      open: () => {
        throw new Error('bytes were asked for');
      },
    };
    await using site = await startSite({ image: busybox });
    const foreign = { ...artifact, tar, target: { arch: 'arm64', libc: 'any' } as const };
    await expect(site.inject(foreign)).rejects.toMatchObject({ code: 'NO_TARGET_FITS' });
  });

  test('architecture and libc are read from files, not asked of programs', async () => {
    const expected: Record<string, { arch: string; libc: string }> = {
      [busybox]: { arch: 'amd64', libc: 'none' },
      'toolcrib-test/static': { arch: 'amd64', libc: 'none' },
      'toolcrib-test/debian': { arch: 'amd64', libc: 'glibc' },
      'toolcrib-test/musl': { arch: 'amd64', libc: 'musl' },
      'toolcrib-test/arm64': { arch: 'arm64', libc: 'none' },
    };
    for (const [image, facts] of Object.entries(expected)) {
      await using site = await startSite({ image: image as TestImage });
      expect(await detectSandbox(site.sandbox), image).toMatchObject(facts);
    }
  });

  test('a tool that answers another version is an integrity failure, not another attempt', async () => {
    const artifact = await syntheticArtifact({ program, version: 2 });
    await using site = await startSite({ image: busybox });
    await expect(site.inject(artifact)).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
      message: expect.stringContaining('synthetic v1 answered') as string,
    });
    expect(await site.shell('0', 'ls -A /var/lib /var/lib/toolcrib 2> /dev/null || true')).not.toContain('synthetic');
    expect(await entriesOf(site.ledger)).toEqual([]);
  });

  test('a tool whose health check fails is not injected, and its own words are in the error', async () => {
    for (const [healthcheck, words] of [
      [['fail'], 'the tool is broken'],
      [['version'], 'did not return the nonce'],
      [[], 'names no health check'],
    ] as const) {
      const artifact = await syntheticArtifact({ program, healthcheck });
      await using site = await startSite({ image: busybox });
      await expect(site.inject(artifact, { install: ['/opt/toolcrib'] })).rejects.toThrow(words);
      expect(await site.shell('0', 'ls /opt/toolcrib')).toBe('');
    }
  });

  test.each([true, false])(
    'bytes that are not what the tar should be end the injection, and nothing of them stays (entered: %s)',
    async (entered) => {
      const artifact = await syntheticArtifact({ program, ballast: 3_000_000 });
      const good: Uint8Array[] = [];
      for await (const piece of artifact.tar.open()) good.push(piece);
      const bytes = Buffer.concat(good);
      bytes.writeUInt8(bytes.readUInt8(900_000) ^ 1, 900_000);
      await using site = await startSite({ image: busybox, entered });
      const wrong = { ...artifact, tar: { ...artifact.tar, open: () => piecesOf(bytes) } };
      const cut = { ...artifact, tar: { ...artifact.tar, open: () => piecesOf(bytes.subarray(0, 1_024_000)) } };
      for (const bad of [wrong, cut]) {
        await expect(site.inject(bad)).rejects.toThrow(IntegrityError);
        expect(await site.shell('0', 'ls -A /var/lib /var/lib/toolcrib 2> /dev/null || true')).not.toContain(
          'synthetic',
        );
      }
    },
  );

  test('an abort ends the injection with its reason, and nothing is in the ledger', async () => {
    const artifact = await syntheticArtifact({ program, ballast: 20_000_000 });
    await using site = await startSite({ image: busybox });
    const controller = new AbortController();
    const reporter = {
      notice: () => undefined,
      progress: () => ({ advance: () => controller.abort(new Error('interrupted here')), end: () => undefined }),
    };
    await expect(site.inject(artifact, { signal: controller.signal, reporter })).rejects.toThrow('interrupted here');
    expect(await entriesOf(site.ledger)).toEqual([]);
  });
});
