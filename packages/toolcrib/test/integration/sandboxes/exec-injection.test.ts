import { beforeAll, describe, expect, test } from 'vitest';
import { collectOutput } from '../../../src/inject/output.ts';
import { startTool } from '../../../src/inject/start-tool.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { DOCKER, docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { podmanAvailable, podmanSockets, startPodmanContainer } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { programsMissing } from '../build/samples.ts';
import { compileSyntheticTool, syntheticArtifact } from '../inject/synthetic-artifact.ts';
import { execSite, shell } from './exec-site.ts';

const missing =
  (await programsMissing('gcc')) ?? (await dockerAvailable('toolcrib-test/busybox', 'toolcrib-test/debian'));

describe('a tool goes through a prefix into a sandbox', requireOrSkip(missing), () => {
  let program: Buffer;
  beforeAll(async () => {
    program = await compileSyntheticTool();
  });

  test.each(['toolcrib-test/busybox', 'toolcrib-test/debian'] as const)(
    'by docker exec into %s: placed by its tar, read back by its programs, and proven again each time',
    async (image) => {
      await using container = await startContainer({ image, args: ['--env', 'GREETING=hello'] });
      await using it = await execSite([DOCKER, 'exec', '-i', container.name]);
      const artifact = await syntheticArtifact({ program, ballast: 9_000_000 });
      const placed = await it.inject(artifact);
      expect(placed).toMatchObject({
        rung: 'exec-tar',
        readBack: 'exec',
        protection: 'writable-parent',
        reused: false,
      });
      expect(placed.why).toContain('told by programs in it');
      const again = await it.open();
      expect(await it.inject(artifact, { sandbox: again })).toMatchObject({
        reused: true,
        directory: placed.directory,
      });
      await shell(again, `printf x >> ${placed.directory}/lib/deep/ballast`);
      const replaced = await it.inject(artifact, { sandbox: again });
      expect(replaced).toMatchObject({ reused: false });
      expect(replaced.directory).not.toBe(placed.directory);
      await again.close();
      expect(await shell(it.sandbox, 'ls -A /var/lib/toolcrib | wc -l; ls -A / | grep -c "^.toolcrib"')).toBe('2\n0');
    },
  );

  test('by docker exec where there is no tar, file by file; as another user where that one may write', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox', args: ['--user', '1000'] });
    await docker('exec', '--user', '0', container.name, 'rm', '/bin/tar');
    await using it = await execSite([DOCKER, 'exec', '-i', container.name]);
    const artifact = await syntheticArtifact({ program, ballast: 5_000_000 });
    const placed = await it.inject(artifact);
    expect(placed).toMatchObject({
      rung: 'exec-cat',
      readBack: 'exec',
      directory: expect.stringMatching(/^\/tmp\//) as string,
    });
    expect(placed.plan.filter(({ usable }) => !usable).length).toBeGreaterThan(0);
    expect(placed.plan.filter(({ reason }) => reason.includes('as root'))).toEqual([]);
    const answer = await startTool({
      sandbox: it.sandbox,
      placement: placed,
      args: ['healthcheck', '--nonce', 'n1'],
      stdin: false,
    });
    expect((await collectOutput(answer)).stdout).toContain('n1');
  });

  test('by docker exec where neither sha256sum nor tar is: every piece is read back', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/debian' });
    await docker('exec', container.name, 'rm', '/usr/bin/sha256sum', '/usr/bin/tar');
    await using it = await execSite([DOCKER, 'exec', '-i', container.name]);
    const placed = await it.inject(await syntheticArtifact({ program, ballast: 9_000_000 }));
    expect(placed).toMatchObject({ rung: 'exec-cat', readBack: 'exec' });
  });

  test('that sandbox is another one when it was started again', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const words = [DOCKER, 'exec', '-i', container.name];
    await using first = await execSite(words);
    await docker('restart', '--time', '0', container.name);
    await using second = await execSite(words);
    const of = ({ identity: { id, startedAt } }: Sandbox) => `${id} ${startedAt}`;
    expect(of(second.sandbox)).not.toBe(of(first.sandbox));
  });

  test('a sandbox whose programs lie about what was written is not taken for one that has it', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/debian' });
    await docker(
      'exec',
      container.name,
      'sh',
      '-c',
      'rm -f /bin/tar /usr/bin/tar; printf "#!/bin/sh\\nexit 0\\n" >/bin/tar; chmod 755 /bin/tar',
    );
    await using it = await execSite([DOCKER, 'exec', '-i', container.name]);
    const placed = await it.inject(await syntheticArtifact({ program }));
    expect(placed).toMatchObject({ rung: 'exec-cat' });
    expect(placed.plan[0]).toMatchObject({ rung: 'exec-tar', usable: false });
  });

  test('by nsenter into the namespaces of a container', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/debian' });
    const pid = await docker('inspect', '--format', '{{.State.Pid}}', container.name);
    await using it = await execSite(['nsenter', '-t', pid, '-m', '-u', '-i', '-n', '-p', '-r', '-w']);
    const placed = await it.inject(await syntheticArtifact({ program, ballast: 5_000_000 }));
    expect(placed).toMatchObject({ rung: 'exec-tar', readBack: 'exec' });
    expect(await docker('exec', container.name, 'ls', placed.directory)).toContain('note.txt');
  });
});

for (const kind of ['rootful', 'rootless'] as const) {
  describe('a tool goes through podman exec', requireOrSkip((await podmanAvailable(kind)) ?? missing), () => {
    test(`into a ${kind} container`, async () => {
      await using container = await startPodmanContainer(kind, { image: 'toolcrib-test/busybox' });
      await using it = await execSite([
        'podman',
        '--url',
        `unix://${podmanSockets[kind]}`,
        'exec',
        '-i',
        container.name,
      ]);
      const artifact = await syntheticArtifact({ program: await compileSyntheticTool(), ballast: 5_000_000 });
      expect(await it.inject(artifact)).toMatchObject({ rung: 'exec-tar', readBack: 'exec' });
    });
  });
}
