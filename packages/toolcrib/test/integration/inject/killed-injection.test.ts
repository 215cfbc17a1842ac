import { watch } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { ejectTool } from '../../../src/flows/eject-tool.ts';
import { createHost, type Host } from '../../../src/flows/host.ts';
import { injectTool } from '../../../src/flows/inject-tool.ts';
import { openProject } from '../../../src/flows/project.ts';
import { jsonFrom, textOf } from '../../../src/core/json-fields.ts';
import { collectOutput } from '../../../src/inject/output.ts';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { dockerAvailable, startContainer } from '../../servers/docker.ts';
import { relayEngine } from '../../servers/engine-relay.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { cliEnvironment, startCli, type CliEnd } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import { entriesOf } from './inject-container.ts';
import { syntheticProject } from './synthetic-project.ts';

const image = 'toolcrib-test/busybox';
const ready = requireOrSkip((await dockerAvailable(image)) ?? (await programsMissing('gcc')));

/** So many bytes take long enough to be cut short at any of them. */
const BALLAST = 6_000_000;

/** Files of the ledger by which a process tells how far it is. */
const NOTE = /^[0-9a-f]{64}-[0-9a-f]{16}\.json$/;
const ENTRY = /^[0-9a-f]{64}\.json$/;

/**
 * When a process gets its signal: at a part of the usual time, counted from its start, or from when a file of the ledger
 * has come or gone so many times.
 */
interface Moment {
  readonly after?: { readonly file: RegExp; readonly times: number };
  readonly part: number;
}

/** Each a different one; a lane takes as many as it has kills. */
const MOMENTS: readonly Moment[] = [
  ...Array.from({ length: 10 }, (_, index) => ({ part: (index + 1) / 11 })),
  ...Array.from({ length: 19 }, (_, index) => ({ after: { file: NOTE, times: 1 }, part: index / 35 })),
  ...[0, 0.01, 0.02].flatMap((part) => [
    { after: { file: ENTRY, times: 1 }, part },
    { after: { file: NOTE, times: 2 }, part },
  ]),
];

/** Containers into which a tool gets in different ways; a hundred kills in all. */
const LANES = [
  { what: 'as root, as a mount', kills: 30, args: [], prefix: 'docker:', copy: false },
  { what: 'as root, through the engine', kills: 15, args: [], prefix: 'docker:', copy: true, remote: true },
  {
    what: 'as a plain user, through the engine',
    kills: 10,
    args: ['--user', '1000'],
    prefix: 'docker:',
    copy: true,
    remote: true,
  },
  { what: 'as root, through its mount namespace', kills: 15, args: [], prefix: 'docker:', copy: true },
  {
    what: 'with a read-only root, through its mount namespace',
    kills: 15,
    args: ['--read-only', '--tmpfs', '/tmp:exec'],
    prefix: 'docker:',
    copy: true,
  },
  { what: 'behind a prefix, in pieces', kills: 15, args: [], prefix: 'exec:docker exec -i ', copy: false },
];

interface Lane {
  readonly reference: string;
  readonly copy: boolean;
  /** Which engine is asked. */
  readonly env: Readonly<Record<string, string>>;
  /** The container, to look into it while others come and go. */
  readonly view: Sandbox;
  readonly project: string;
  readonly cache: string;
  readonly host: Host;
  /** Hex digits of the digest of the one file of the artifact. */
  readonly digest: string;
}

describe.concurrent('an injection that is interrupted at any point', ready, () => {
  /** What stood in all containers after the signals. */
  const left = { leftovers: 0, placements: 0 };

  test.for(LANES)(
    'into a container $what leaves nothing that a later one uses',
    async ({ args, prefix, kills, copy, remote = false }) => {
      await using project = await syntheticProject({ ballast: BALLAST });
      await using container = await startContainer({ image, args });
      const { name } = container;
      const cache = join(project.folder, 'cache');
      await using relay = await relayEngine();
      const env = remote ? relay.env : {};
      const host = createHost({ cwd: project.folder, env: cliEnvironment(project.folder, env), cacheDirectory: cache });
      const bytes = await readFile(join(project.folder, 'store', project.artifact));
      await using connection = await connected(name);
      const lane: Lane = {
        view: connection.sandbox,
        reference: `${prefix}${name}`,
        copy,
        env,
        project: project.folder,
        cache,
        host,
        digest: digestHex(digestOf(bytes)),
      };
      await mkdir(ledgerOf(lane), { recursive: true });
      const seen = { killed: 0, interrupted: 0 };
      let usual = await usualTime(lane);
      for (const [index, moment] of shuffled(MOMENTS).slice(0, kills).entries()) {
        const signal = index % 2 === 0 ? 'SIGKILL' : 'SIGINT';
        const begun = performance.now();
        const end = await interrupt(lane, moment, signal, usual);
        if (end.code === 0) usual = 0.7 * usual + 0.3 * (performance.now() - begun);
        if (end.signal === 'SIGKILL') seen.killed += 1;
        if (end.code === 130) seen.interrupted += 1;
        expect([0, 130, null], JSON.stringify(end)).toContain(end.code);
        const contents = await contentsOf(lane);
        const recorded = await recordedIn(lane, contents);
        left.placements += recorded.length;
        left.leftovers += contents.size - recorded.length;
        if (end.code === 130) expect([...contents.keys()], 'what Ctrl-C left').toEqual(recorded);
        await verifyLaterInjection(lane);
      }
      // Else the signals came too early or too late to show anything.
      expect(seen.killed + seen.interrupted).toBeGreaterThan(kills / 3);
    },
  );

  afterAll(() => {
    expect(left.leftovers).toBeGreaterThan(0);
    expect(left.placements).toBeGreaterThan(0);
  });
});

async function connected(name: string): Promise<AsyncDisposable & { readonly sandbox: Sandbox }> {
  const sandbox = await openDockerSandbox(name, { env: process.env });
  return { sandbox, [Symbol.asyncDispose]: () => sandbox.close() };
}

/** Also fetches and unpacks the artifact, which later runs find in the cache. */
async function usualTime(lane: Lane): Promise<number> {
  await verifyLaterInjection(lane);
  const begun = performance.now();
  expect(await startInjection(lane).end).toMatchObject({ code: 0 });
  const usual = performance.now() - begun;
  await verifyLaterInjection(lane);
  return usual;
}

function startInjection({ project, cache, reference, copy, env }: Lane) {
  return startCli(['inject', reference, ...(copy ? ['--copy'] : [])], {
    cwd: project,
    env: { ...env, TOOLCRIB_CACHE_DIR: cache },
  });
}

async function interrupt(lane: Lane, moment: Moment, signal: NodeJS.Signals, usual: number): Promise<CliEnd> {
  const stop = new AbortController();
  const begun = moment.after === undefined ? Promise.resolve() : changesIn(ledgerOf(lane), moment.after, stop.signal);
  const { process, end } = startInjection(lane);
  const due = begun.then(() => sleep(usual * moment.part, undefined, { signal: stop.signal })).catch(() => undefined);
  await Promise.race([due.then(() => process.kill(signal)), end]);
  stop.abort();
  return await end;
}

/** Resolves when a file of such a name has come or gone so many times. */
async function changesIn(
  directory: string,
  { file, times }: { readonly file: RegExp; readonly times: number },
  stop: AbortSignal,
): Promise<void> {
  let left = times;
  await new Promise<void>((resolve) => {
    watch(directory, { signal: stop }, (kind, name) => {
      if (kind === 'rename' && file.test(name ?? '') && --left === 0) resolve();
    });
  });
}

function ledgerOf({ cache }: Lane): string {
  return join(cache, 'v1/placements');
}

/**
 * What stands in parents of placements, or under a hidden name near them: digests of the files in each, as root in the
 * container sees them.
 */
async function contentsOf({ view }: Lane): Promise<ReadonlyMap<string, readonly string[]>> {
  const script = `hidden=$(find /var /opt /tmp -name '.toolcrib*' -o -name '.synthetic*' 2>/dev/null)
    for d in /var/lib/toolcrib/* /opt/toolcrib/* /tmp/toolcrib/* $hidden; do
    [ -e "$d" ] && echo "$d" && find "$d" -type f -exec sha256sum {} +; done; true`;
  const process = await view.exec({ argv: ['/bin/sh', '-c', script], user: '0', stdin: false });
  const contents = new Map<string, string[]>();
  let files: string[] = [];
  for (const line of (await collectOutput(process)).stdout.split('\n').filter((one) => one !== '')) {
    if (line.startsWith('/')) contents.set(line, (files = []));
    else files.push(line.slice(0, 64));
  }
  return contents;
}

/** What the ledger names is there, and right to the byte. */
async function recordedIn(lane: Lane, contents: ReadonlyMap<string, readonly string[]>): Promise<readonly string[]> {
  const entries = await entriesOf(ledgerOf(lane));
  const texts = await Promise.all(entries.map((entry) => readFile(join(ledgerOf(lane), entry), 'utf8')));
  const directories = texts.map((text) => textOf(jsonFrom(text), 'directory') ?? '');
  for (const directory of directories) expect(contents.get(directory), directory).toEqual([lane.digest]);
  return directories;
}

/** Proven, alone, right to the byte; then it is taken away, so that the next injection has to place again. */
async function verifyLaterInjection(lane: Lane): Promise<void> {
  const { host, reference, copy } = lane;
  const project = await openProject(host);
  const { placement } = await injectTool(project, host, { sandbox: reference, copy });
  expect([...(await contentsOf(lane))]).toEqual([[placement.directory, [lane.digest]]]);
  const { directories } = await ejectTool(project, host, { sandbox: reference });
  expect(directories).toMatchObject([{ directory: placement.directory, outcome: 'removed', kind: 'placement' }]);
  expect([...(await contentsOf(lane))]).toEqual([]);
  expect((await readdir(ledgerOf(lane))).filter((file) => file.endsWith('.json'))).toEqual([]);
}

/** In an order that looks random and is the same each time, so that neither signal gets all early moments. */
function shuffled<T>(items: readonly T[]): readonly T[] {
  const keyed = items.map((item, index) => ({ item, key: digestOf(`moment ${index}`) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ item }) => item);
}
