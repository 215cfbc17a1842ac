import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { documentOf, startCli, toolcrib } from './command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { elfFile } from '../../unit/build/elf-file.ts';

async function builtProject(stores: readonly string[]): Promise<ScratchProject> {
  const project = await scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores },
    'tool-version.txt': '1\n',
  });
  await project.write('binaries/demo-amd64-any-v1', elfFile({}));
  return project;
}

describe.concurrent('what went wrong comes with what to do', () => {
  test.for([
    { args: ['publish', '--sign', 'nosuch.pem'], code: 3, message: 'no private key at', hint: 'openssl genpkey' },
    { args: ['bundle', 'load', 'nosuch.tar'], code: 3, message: 'there is no bundle at', hint: 'bundle create' },
    {
      args: ['bundle', 'load', 'toolcrib.json'],
      code: 4,
      message: 'toolcrib.json is no bundle',
      hint: 'bundle create',
    },
    { args: ['bundle', 'load', 'cut.tar'], code: 4, message: 'is truncated', hint: 'copy it again' },
    { args: ['bundle', 'load', 'changed.tar'], code: 4, message: 'has digest', hint: 'copy it again' },
    {
      args: ['revoke', '--key', 'k', '--digest', 'sha1:1', '--reason', 'x'],
      code: 2,
      message: 'not a digest',
      hint: 'SHA256SUMS',
    },
  ])('for toolcrib $args', async ({ args, code, message, hint }) => {
    await using project = await builtProject(['file:./store']);
    const cwd = project.folder;
    for (const made of [['publish'], ['bundle', 'create', '-o', 'whole.tar']]) {
      expect((await toolcrib(made, { cwd })).code).toBe(0);
    }
    const { readFile } = await import('node:fs/promises');
    const whole = await readFile(`${cwd}/whole.tar`);
    await project.write('cut.tar', whole.subarray(0, whole.byteLength - 3000));
    const changed = Buffer.from(whole);
    const at = changed.indexOf(elfFile({})) + 0x1f00;
    changed[at] = (changed[at] ?? 0) ^ 1;
    await project.write('changed.tar', changed);
    const end = await toolcrib([...args, '--json'], { cwd });
    expect(end.code, end.stdout).toBe(code);
    const said: unknown = expect.stringContaining(message);
    const advised: unknown = expect.stringContaining(hint);
    expect(documentOf(end)).toMatchObject({ error: { message: said, hint: advised } });
    expect(end.stdout).not.toContain('Compare the store');
  });

  test.for(['{ "tool": "demo", }', '[]'])('for a configuration that is %s', async (text) => {
    await using project = await scratchProject({ 'toolcrib.json': text });
    const end = await toolcrib(['status', '--json'], { cwd: project.folder });
    expect(end.code).toBe(2);
    const hint: unknown = expect.stringMatching(/JSON|init/);
    expect(documentOf(end)).toMatchObject({ error: { code: 'CONFIG_INVALID', hint } });
  });

  test('for a build that is compared with pins that are not there', async () => {
    const build = { driver: 'command', command: 'cp made "$TOOLCRIB_OUTPUT"' };
    await using project = await scratchProject({
      'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], build },
      'tool-version.txt': '1\n',
    });
    await project.write('made', elfFile({}));
    const end = await toolcrib(['build', '--verify', '--json'], { cwd: project.folder });
    expect(end.code).toBe(2);
    const hint: unknown = expect.stringContaining('toolcrib publish');
    expect(documentOf(end)).toMatchObject({ error: { code: 'SUMS_INVALID', hint } });
  });

  test('for Ctrl-C while a release is published', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    await using project = await builtProject([`http://127.0.0.1:${port}/`]);
    const cli = startCli(['publish', '--json'], { cwd: project.folder });
    await once(server, 'connection');
    cli.process.kill('SIGINT');
    const end = await cli.end;
    server.close();
    expect(end.code).toBe(130);
    const hint: unknown = expect.stringMatching(/repeat the command.*toolcrib status/);
    expect(documentOf(end)).toMatchObject({ error: { code: 'INTERRUPTED', hint } });
  });
});
