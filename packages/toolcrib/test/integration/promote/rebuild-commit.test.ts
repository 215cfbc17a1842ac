import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createHost } from '../../../src/flows/host.ts';
import { configOf, openProject } from '../../../src/flows/project.ts';
import { rebuildCommit } from '../../../src/flows/rebuild-commit.ts';
import { openRepository } from '../../../src/git/repository.ts';
import type { PullRequest } from '../../../src/github/pulls.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { BUILT } from './promotion-site.ts';

const run = promisify(execFile);

/** A repository whose last commit is built by a command for the shell. */
async function repository(command: string): Promise<{
  readonly project: ScratchProject;
  readonly git: (...args: readonly string[]) => Promise<string>;
  readonly head: string;
}> {
  const config = { tool: 'demo', targets: ['amd64-any'], build: { driver: 'command', command }, stores: [] };
  const project = await scratchProject({ 'toolcrib.json': config, 'tool-version.txt': '2\n' });
  await project.write('built', BUILT['demo-amd64-any-v2'] ?? '');
  const options = ['-C', project.folder, '-c', 'user.name=a', '-c', 'user.email=a@b'];
  const git = async (...args: readonly string[]) => (await run('git', [...options, ...args])).stdout.trim();
  await git('init', '--quiet');
  await git('add', '.');
  await git('commit', '--quiet', '-m', 'x');
  return { project, git, head: await git('rev-parse', 'HEAD') };
}

async function rebuild(
  { folder }: ScratchProject,
  sha: string,
  more: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const host = createHost({ env: { ...process.env, ...more }, cwd: folder });
  const config = configOf(await openProject(host), 'promote');
  const scratch = join(folder, '.git', 'rebuild');
  await mkdir(scratch);
  const head = { sha, ref: 'patch', repository: 'x/y' };
  const pull: PullRequest = {
    number: 7,
    state: 'open',
    merged: false,
    author: 'stranger',
    head,
    base: { ref: 'main' },
  };
  const built = await rebuildCommit(await openRepository(folder, { env: host.env }), host, { pull, config, scratch });
  return await readdir(built);
}

test('A rebuild sees no process but its own, and no environment of another, under the mount of /proc neither', async () => {
  // In brackets, so that no command line finds itself; it is looked for in environments only all the same.
  const seen = `cat /proc/[0-9]*/environ 2>/dev/null | grep -q -a '[p]lanted-in-this-shell'`;
  const alone = `test "$(ls -d /proc/[0-9]* | wc -l)" -lt 10`;
  const command = `${alone} && ! ${seen} && { umount /proc; ! ${seen}; } && cp built "$TOOLCRIB_OUTPUT"`;
  const { project: opened, head } = await repository(command);
  await using project = opened;
  const shell = spawn('sleep', ['120'], { env: { ...process.env, TOKEN: 'planted-in-this-shell' }, stdio: 'ignore' });
  try {
    await run('sh', ['-c', `until ${seen}; do sleep 0.05; done`], { timeout: 20_000 }); // what is not kept from looking sees it
    expect(await rebuild(project, head)).toEqual(['demo-amd64-any-v2']);
  } finally {
    shell.kill('SIGKILL');
  }
});

test('A rebuild ends with its build: nothing that it started goes on', async () => {
  const seconds = `60.${process.pid}`;
  const { project: opened, head } = await repository(
    `setsid sleep ${seconds} >/dev/null 2>&1 & cp built "$TOOLCRIB_OUTPUT"`,
  );
  await using project = opened;
  expect(await rebuild(project, head)).toEqual(['demo-amd64-any-v2']);
  const left = await run('sh', ['-c', `ps -eo args | grep -c '^sleep ${seconds}$' || true`]);
  expect(left.stdout.trim()).toBe('0');
});

test('A rebuild is refused where nothing hides this shell from the build, and what to do instead is said', async () => {
  const { project: opened, head } = await repository('cp built "$TOOLCRIB_OUTPUT"');
  await using project = opened;
  const denied = '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n';
  await project.write('programs/unshare', denied);
  await chmod(join(project.folder, 'programs', 'unshare'), 0o755);
  const PATH = `${join(project.folder, 'programs')}:${process.env['PATH'] ?? ''}`;
  const failure = await failureOfAsync(() => rebuild(project, head, { PATH }));
  expect(failure).toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('Operation not permitted') as unknown,
    hint: expect.stringContaining('--rebuilt DIR') as unknown,
  });
  expect(await readdir(join(project.folder, '.git', 'rebuild'))).toEqual([]);
});

test.each([
  ['stranger:planted%21', `Basic ${Buffer.from('stranger:planted!').toString('base64')}`],
  ['planted-account', `Basic ${Buffer.from('planted-account:of-a-helper').toString('base64')}`],
])('The credentials of the remote, %s, reach its server and no command line', async (userinfo, expected) => {
  const { project: opened, git } = await repository('true');
  await using project = opened;
  const asked: { readonly authorization: string | undefined; readonly shown: boolean }[] = [];
  let fetching = false;
  const server = createServer((request, response) => {
    void run('sh', ['-c', "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"], { maxBuffer: 1e8 }).then(
      ({ stdout }) => {
        const { authorization } = request.headers;
        asked.push({ authorization, shown: stdout.includes(userinfo.slice(-8)) });
        fetching ||= stdout.includes('fetch --quiet');
        const status = authorization === undefined ? 401 : 404;
        response.writeHead(status, { 'WWW-Authenticate': 'Basic realm="x"' }).end();
      },
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('it listens on a port');
    await git('remote', 'add', 'origin', `http://${userinfo}@127.0.0.1:${address.port}/x/y.git`);
    const helper = '!echo password=of-a-helper; :';
    const own = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'credential.helper', GIT_CONFIG_VALUE_0: helper };
    const failure = await failureOfAsync(() => rebuild(project, 'f'.repeat(40), own));
    expect(failure).toMatchObject({ code: 'UNREACHABLE', details: { command: 'fetch' } });
  } finally {
    server.close();
  }
  expect(asked.at(-1)?.authorization).toBe(expected);
  expect([fetching, asked.some(({ shown }) => shown)]).toEqual([true, false]);
});
