import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DOCKER, docker, dockerAvailable, startContainer, type Container } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { programsMissing, REPOSITORY } from '../build/samples.ts';
import { testedBlock } from '../docs/markdown.ts';
import { commandSite, type CommandSite } from '../flows/sandbox-site.ts';
import { sandboxToolsProject, type SandboxToolsProject } from '../flows/sandbox-tools.ts';

const missing =
  (await programsMissing('apt-get', 'dpkg-deb', 'npm')) ?? (await dockerAvailable('toolcrib-test/busybox'));

describe('the tool that ships, through a prefix', requireOrSkip(missing), () => {
  let tools: SandboxToolsProject;
  let site: CommandSite;
  let container: Container;
  let sandbox: string;
  beforeAll(async () => {
    tools = await sandboxToolsProject();
    site = await commandSite(tools.folder);
    const args = ['--read-only', '--tmpfs', '/tmp:exec,mode=1777', '--env', 'GREETING=hello', '--workdir', '/home'];
    container = await startContainer({ image: 'toolcrib-test/busybox', args });
    sandbox = `exec:${DOCKER} exec -i ${container.name}`;
  });
  afterAll(async () => {
    await container[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
  });

  test('is injected as the guide says, into what is writable there', async () => {
    const guide = await readFile(join(REPOSITORY, 'docs/guides/exec.md'), 'utf8');
    const lines = testedBlock(guide, 'prefixes').trim().split('\n');
    expect(lines).toEqual([
      `toolcrib inject 'exec:docker exec -i web'`,
      `toolcrib exec 'exec:docker exec -i web' -- version`,
    ]);
    const injected = await site.run('inject', sandbox);
    expect(injected).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('where       /tmp/toolcrib/') as string,
    });
    const version = await site.run('exec', sandbox, '--', 'version');
    expect(version).toMatchObject({
      code: 0,
      stdout: `{"tool":"sandbox-tools","version":${tools.version},"target":"amd64-any"}\n`,
    });
    expect(await site.json('inject', sandbox)).toMatchObject({
      placement: { reused: true, readBack: 'exec', protection: 'writable-parent' },
    });
  });

  test('serves bash to the official MCP client, in the environment of the container', async () => {
    expect(await site.bash('pwd; echo $GREETING; uname -n', sandbox)).toContain(
      `/home\nhello\n${container.id.slice(0, 12)}`,
    );
  });

  test('ends with 125 where the sandbox goes away, and with 8 where no shell answers', async () => {
    await using other = await startContainer({ image: 'toolcrib-test/busybox' });
    const gone = `exec:${DOCKER} exec -i ${other.name}`;
    await site.json('inject', gone);
    const running = site.run('exec', gone, '--', 'no-such-command');
    expect((await running).code).not.toBe(125);
    await docker('kill', other.name);
    expect(await site.run('exec', gone, '--', 'version')).toMatchObject({ code: 125 });
    expect(await site.run('inject', gone)).toMatchObject({
      code: 8,
      stderr: expect.stringMatching(/is not running/) as string,
    });
    expect(await site.run('inject', `exec:${DOCKER} exec ${container.name}`)).toMatchObject({
      code: 8,
      stderr: expect.stringContaining('-i') as string,
    });
  });
});
