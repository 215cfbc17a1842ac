import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/flows/host.ts';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import type { Injection } from '../../../src/inject/injection.ts';
import { collectOutput } from '../../../src/inject/output.ts';
import { startTool } from '../../../src/inject/start-tool.ts';
import { openExecSandbox } from '../../../src/sandboxes/exec/exec-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { DOCKER, docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { podmanAvailable, podmanSockets, startPodmanContainer } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { sshAvailable, startSshServer } from '../../servers/ssh-server.ts';
import { programsMissing } from '../build/samples.ts';
import { compileSyntheticTool, injectionOf, syntheticArtifact } from '../inject/synthetic-artifact.ts';

const missing =
  (await programsMissing('gcc')) ?? (await dockerAvailable('toolcrib-test/busybox', 'toolcrib-test/debian'));

/** A sandbox behind a prefix, with a ledger of its own. */
async function site(words: readonly string[]) {
  const ledger = await mkdtemp(join(tmpdir(), 'ledger-'));
  const open = () =>
    openExecSandbox(words, {
      reference: `exec:${words.join(' ')}`,
      env: process.env,
      clock: systemClock,
      random: randomBytes,
    });
  const sandbox = await open();
  return {
    sandbox,
    open,
    ledger,
    inject: (artifact: Injection['artifact'], more: Partial<Injection> = {}) =>
      injectTool(injectionOf(more.sandbox ?? sandbox, artifact, ledger, more)),
    [Symbol.asyncDispose]: async () => {
      await sandbox.close();
      await rm(ledger, { recursive: true });
    },
  };
}

async function shell(sandbox: Sandbox, script: string): Promise<string> {
  return (await collectOutput(await sandbox.exec({ argv: ['/bin/sh', '-c', script], stdin: false }))).stdout.trim();
}

describe('a tool goes through a prefix into a sandbox', requireOrSkip(missing), () => {
  let program: Buffer;
  beforeAll(async () => {
    program = await compileSyntheticTool();
  });

  test.each(['toolcrib-test/busybox', 'toolcrib-test/debian'] as const)(
    'by docker exec into %s: placed by its tar, read back by its programs, and proven again each time',
    async (image) => {
      await using container = await startContainer({ image, args: ['--env', 'GREETING=hello'] });
      await using it = await site([DOCKER, 'exec', '-i', container.name]);
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
    await using it = await site([DOCKER, 'exec', '-i', container.name]);
    const artifact = await syntheticArtifact({ program, ballast: 5_000_000 });
    const placed = await it.inject(artifact);
    expect(placed).toMatchObject({
      rung: 'exec-cat',
      readBack: 'exec',
      directory: expect.stringMatching(/^\/tmp\//) as string,
    });
    expect(placed.plan.filter(({ usable }) => !usable).length).toBeGreaterThan(0);
    const answer = await startTool({
      sandbox: it.sandbox,
      placement: placed,
      args: ['healthcheck', '--nonce', 'n1'],
      stdin: false,
    });
    expect((await collectOutput(answer)).stdout).toContain('n1');
  });

  test('that sandbox is another one when it was started again', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const words = [DOCKER, 'exec', '-i', container.name];
    await using first = await site(words);
    await docker('restart', '--time', '0', container.name);
    await using second = await site(words);
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
    await using it = await site([DOCKER, 'exec', '-i', container.name]);
    const placed = await it.inject(await syntheticArtifact({ program }));
    expect(placed).toMatchObject({ rung: 'exec-cat' });
    expect(placed.plan[0]).toMatchObject({ rung: 'exec-tar', usable: false });
  });

  test('by nsenter into the namespaces of a container', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/debian' });
    const pid = await docker('inspect', '--format', '{{.State.Pid}}', container.name);
    await using it = await site(['nsenter', '-t', pid, '-m', '-u', '-i', '-n', '-p', '-r', '-w']);
    const placed = await it.inject(await syntheticArtifact({ program, ballast: 5_000_000 }));
    expect(placed).toMatchObject({ rung: 'exec-tar', readBack: 'exec' });
    expect(await docker('exec', container.name, 'ls', placed.directory)).toContain('note.txt');
  });
});

for (const kind of ['rootful', 'rootless'] as const) {
  describe('a tool goes through podman exec', requireOrSkip((await podmanAvailable(kind)) ?? missing), () => {
    test(`into a ${kind} container`, async () => {
      await using container = await startPodmanContainer(kind, { image: 'toolcrib-test/busybox' });
      await using it = await site(['podman', '--url', `unix://${podmanSockets[kind]}`, 'exec', '-i', container.name]);
      const artifact = await syntheticArtifact({ program: await compileSyntheticTool(), ballast: 5_000_000 });
      expect(await it.inject(artifact)).toMatchObject({ rung: 'exec-tar', readBack: 'exec' });
    });
  });
}

describe('a tool goes through ssh', requireOrSkip((await sshAvailable()) ?? missing), () => {
  /** Words that lead to a server, and a folder of it to place in. */
  async function host() {
    const server = await startSshServer();
    const folder = await mkdtemp(join(tmpdir(), 'ssh-site-'));
    const words = [join(server.programs, 'ssh'), '-p', String(server.port), `${server.user}@127.0.0.1`];
    return {
      words,
      folder,
      [Symbol.asyncDispose]: async () => {
        await server[Symbol.asyncDispose]();
        await rm(folder, { recursive: true });
      },
    };
  }

  test('without any quoting of what it gets, and its exit code 255 is told apart from that of ssh', async () => {
    await using at = await host();
    await using it = await site(at.words);
    const install = [`${at.folder}/in here`];
    const artifact = await syntheticArtifact({ program: await compileSyntheticTool(), ballast: 9_000_000 });
    const placed = await it.inject(artifact, { install });
    expect(placed).toMatchObject({ rung: 'exec-tar', readBack: 'exec' });
    expect(await readdir(`${at.folder}/in here`)).toEqual([placed.directory.split('/').at(-1)]);
    const odd = ['a  b', "it's", '$HOME', '`id`', 'x;y', '\\', '', 'line\nfeed'];
    const argv = ['/bin/sh', '-c', 'printf "%s|" "$@"; exit 255', 'sh', ...odd];
    const output = await collectOutput(await it.sandbox.exec({ argv, stdin: false }));
    expect(output).toEqual({ code: 255, stdout: odd.map((word) => `${word}|`).join(''), stderr: '' });
  });

  test('and a server that is not there, or a connection that is lost, is no answer of the tool', async () => {
    await using at = await host();
    const nowhere = at.words.map((word, index) => (at.words[index - 1] === '-p' ? '1' : word));
    await expect(site(nowhere)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await using it = await site(at.words);
    const argv = ['/bin/sh', '-c', 'echo begun; kill -9 $(cut -d " " -f 4 /proc/$PPID/stat); sleep 60'];
    const lost = collectOutput(await it.sandbox.exec({ argv, stdin: true }));
    await expect(lost).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});
