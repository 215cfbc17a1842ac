import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { publishRelease } from '../../../src/publish/publish-release.ts';
import { publishedVersions } from '../../../src/releases/published-versions.ts';
import { verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import { openTestGithubStore, OWNER_TOKEN, REPOSITORY } from '../../contract/store-github-client.ts';
import { startGithub, type GithubServer } from '../../servers/github/github-server.ts';
import { requestOf } from './release-fixture.ts';

const PROCESS = fileURLToPath(new URL('github-publisher.ts', import.meta.url));

/** A process that has loaded everything and waits for the name of a tool. */
function startPublisher(github: GithubServer, folder: string): ChildProcess {
  return spawn(process.execPath, [PROCESS, github.endpoint, folder], { stdio: ['pipe', 'ignore', 'inherit'] });
}

/** Lets it publish, and kills it when the request of this number comes, which is not answered. */
async function publishUntil(github: GithubServer, child: ChildProcess, tool: string, kill: number): Promise<string[]> {
  const before = github.requests.length;
  github.fault = (request) => {
    if (request.number - before !== kill) return undefined;
    child.kill('SIGKILL');
    return { kind: 'drop' };
  };
  child.stdin?.end(`${tool}\n`);
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect({ code, signal }).toEqual(kill === Infinity ? { code: 0, signal: null } : { code: null, signal: 'SIGKILL' });
  github.fault = () => undefined;
  return github.requests.slice(before).map(({ method }) => method);
}

/** What anybody sees, without a token: nothing, or a release of which every byte is right. */
async function isWhole(github: GithubServer, tool: string): Promise<boolean> {
  const reader = openTestGithubStore(github.endpoint, { token: undefined });
  const release = await readRelease(reader, { tool, version: 1 });
  for (const file of release?.manifest.files ?? []) await verifyStoredFile(reader, file.name, file);
  const { complete, abandoned } = await publishedVersions(reader, tool);
  expect({ complete, abandoned }).toEqual({ complete: release === undefined ? [] : [1], abandoned: [] });
  // Who sees drafts is not told that one is a release either.
  const owner = openTestGithubStore(github.endpoint);
  expect((await publishedVersions(owner, tool)).complete).toEqual(complete);
  await Promise.all([reader.close(), owner.close()]);
  return release !== undefined;
}

async function repeat(github: GithubServer, folder: string, tool: string): Promise<void> {
  const store = openTestGithubStore(github.endpoint);
  const request = await requestOf({ store: '', folder, tool, version: 1, seed: 'one', bytes: 3000 }, store);
  const artifacts = request.artifacts.slice(0, 1);
  const report = await publishRelease({ ...request, artifacts, targets: artifacts.map(({ target }) => target) });
  expect(report.complete).toBe(true);
  expect(await publishedVersions(store, tool)).toMatchObject({ complete: [1], abandoned: [] });
  await store.close();
}

/** Before each request that changes something, and before the one that follows it: reads leave GitHub as it is. */
function killsOf(methods: readonly string[]): readonly number[] {
  const writes = methods.flatMap((method, index) => (method === 'GET' ? [] : [index + 1]));
  return [...new Set(writes.flatMap((number) => [number, number + 1]))].filter((number) => number <= methods.length);
}

describe('a publisher to GitHub that is killed with SIGKILL at a boundary of its requests', () => {
  test('leaves at most a draft, and its repetition completes it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'toolcrib-kill-'));
    await using github = await startGithub({
      repositories: [{ name: REPOSITORY, private: false }],
      tokens: { [OWNER_TOKEN]: 'write' },
    });
    const kills = killsOf(await publishUntil(github, startPublisher(github, folder), 'undisturbed', Infinity));
    const whole: boolean[] = [];
    let next = startPublisher(github, folder);
    for (const [index, kill] of kills.entries()) {
      const publisher = next;
      // Loads while the others are looked at.
      next = startPublisher(github, folder);
      const tool = `demo-${index}`;
      await publishUntil(github, publisher, tool, kill);
      whole.push(await isWhole(github, tool));
      await repeat(github, folder, tool);
      expect(await isWhole(github, tool)).toBe(true);
    }
    next.kill('SIGKILL');
    await rm(folder, { recursive: true });
    expect(whole).toEqual([...whole].sort((a, b) => Number(a) - Number(b)));
    expect(whole.filter((each) => !each).length).toBeGreaterThan(5);
    expect(whole.at(-1)).toBe(true);
  });
});
