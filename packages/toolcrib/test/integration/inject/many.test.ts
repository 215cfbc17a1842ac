import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { docker, dockerAvailable, startContainer, type Container } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import type { ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing } from '../build/samples.ts';
import { documentOf, startCli } from '../cli/command-line.ts';
import { commandSite, type CommandSite } from '../flows/sandbox-site.ts';
import { syntheticProject } from './synthetic-project.ts';

const missing =
  (await programsMissing('gcc')) ?? (await dockerAvailable('toolcrib-test/busybox', 'toolcrib-test/arm64'));

describe('several sandboxes', requireOrSkip(missing), () => {
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

  const busybox = (label = 'none'): Promise<Container> =>
    startContainer({ image: 'toolcrib-test/busybox', labels: { 'toolcrib.test.many': label } });

  test('get the tool in one go, one of them by two names once, whatever becomes of the others', async () => {
    await using one = await busybox();
    await using two = await busybox();
    await using stopped = await busybox();
    await docker('kill', stopped.name);
    const names = [
      `docker:${one.name}`,
      `docker:${stopped.name}`,
      'docker:no-such',
      `docker:${one.id}`,
      `docker:${two.name}`,
    ];
    const end = await site.run('--json', 'inject', ...names);
    expect(end.code).toBe(8); // as of the first that failed
    expect(documentOf(end)).toMatchObject({
      results: [
        {
          sandbox: names[0],
          placement: { sandbox: names[0], reused: false, protection: 'read-only-mount' },
          error: null,
        },
        { sandbox: names[1], error: { code: 'SANDBOX_STATE' } },
        { sandbox: names[2], error: { code: 'SANDBOX_NOT_FOUND' } },
        { sandbox: names[4], placement: { sandbox: names[4], reused: false }, error: null },
      ],
    });
    const again = await site.run('inject', '--jobs', '1', `docker:${two.id}`, `docker:${one.name}`);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toMatch(
      /^synthetic v1\nSANDBOX .*\ndocker:[0-9a-f]{64} .* was there .*\ndocker:toolcrib-test.*\n2 of 2 /,
    );
    expect(await site.run('exec', names[0] ?? '', '--', 'version')).toMatchObject({ code: 0 });
  });

  test('are found by a label among those that run', async () => {
    const label = randomUUID();
    await using one = await busybox(label);
    await using two = await busybox(label);
    await using paused = await busybox(label);
    await docker('pause', paused.name);
    const found = [one.name, two.name].sort().map((name) => ({ sandbox: `docker:${name}`, error: null }));
    expect(await site.json('inject', '--label', `toolcrib.test.many=${label}`)).toMatchObject({ results: found });
    const planned = await site.json('inject', '--plan', '--label', `toolcrib.test.many=${label}`);
    expect(planned).toMatchObject({ results: [{ plan: { possible: true } }, { plan: { possible: true } }] });
    await docker('unpause', paused.name);
  });

  test('are nowhere when no container has the label: exit 3, and what to do', async () => {
    const end = await site.run('inject', '--label', `toolcrib.test.many=${randomUUID()}`);
    expect(end).toMatchObject({ code: 3, stdout: '' });
    expect(end.stderr).toMatch(
      /no running container at .* has the label toolcrib\.test\.many=.*\n {2}hint: .*docker run --label/,
    );
  });

  test('may need different targets, one of which nobody has', async () => {
    await using here = await busybox();
    await using there = await startContainer({ image: 'toolcrib-test/arm64' });
    const end = await site.run('--json', 'inject', `docker:${here.name}`, `docker:${there.name}`);
    expect(end.code).toBe(8);
    expect(documentOf(end)).toMatchObject({ results: [{ error: null }, { error: { code: 'NO_TARGET_FITS' } }] });
  });

  test('lose what was begun when they are interrupted, all of them', async () => {
    await using hanging = await syntheticProject({
      config: { entrypoint: ['sh', '-c', 'sleep 60'], healthcheck: ['x'] },
    });
    await using one = await busybox();
    await using two = await busybox();
    const placed = async () => (await Promise.all([one, two].map(placementsIn))).flat().length;
    const args = ['inject', `docker:${one.name}`, `docker:${two.name}`];
    const started = startCli(args, { cwd: hanging.folder });
    await expect.poll(placed, { timeout: 60_000 }).toBe(2);
    started.process.kill('SIGINT');
    expect(await started.end).toMatchObject({ code: 130, stdout: '' });
    expect(await placed()).toBe(0);
  });

  test.each([
    [['inject'], 'no sandbox given'],
    [['inject', '--engine', 'podman', 'docker:a', 'docker:b'], 'there is no --label'],
    [['inject', '--label', '=x'], '--label takes KEY or KEY=VALUE'],
    [['inject', '--label', 'a', '--engine', 'rkt'], '--engine takes docker or podman'],
    [['inject', '--jobs', '0', 'docker:a', 'docker:b'], '--jobs takes a whole number'],
  ])('are asked for in words that mean something: %j', async (args, message) => {
    const end = await site.run(...args);
    expect(end).toMatchObject({ code: 2, stdout: '' });
    expect(end.stderr).toContain(message);
  });
});

async function placementsIn({ name }: Container): Promise<readonly string[]> {
  const listed = await docker('exec', name, 'sh', '-c', 'ls /var/lib/toolcrib 2>/dev/null || true');
  return listed.split('\n').filter((line) => line !== '');
}
