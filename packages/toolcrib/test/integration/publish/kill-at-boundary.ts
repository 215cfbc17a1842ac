import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createHost } from '../../../src/flows/host.ts';
import { openStore } from '../../../src/flows/open-store.ts';
import { openProject } from '../../../src/flows/project.ts';
import { publishRelease } from '../../../src/flows/publish-release.ts';
import { parseStoreReference } from '../../../src/core/reference.ts';
import { readStoredAttestations } from '../../../src/releases/attestation-files.ts';
import { verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import { startFaultProxy, type Moment, type ProxiedRequest } from '../../servers/fault-proxy.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { startCli } from '../cli/command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

/** A server that keeps releases, and how it is reached. */
export interface Site {
  /** `http://HOST:PORT` of the server. */
  readonly server: string;
  /** The store of one tool, when the server answers at this address. */
  readonly store: (address: string, tool: string) => string;
  /** What a publisher needs to know, when the server answers at this address: credentials. */
  readonly env: (address: string) => Readonly<Record<string, string>>;
  /** Of the release; each comes with an attestation. */
  readonly targets: readonly string[];
  /**
   * True: only writes. For servers that are asked a lot: what is read changes nothing there, so that a publisher who is
   * killed before, during or after a read leaves the same.
   */
  readonly writesOnly?: boolean;
}

/** Where a publisher is killed. */
interface Boundary {
  readonly request: number;
  readonly moment: Moment;
}

const WORKERS = 2;

/**
 * Kills a publishing command line with SIGKILL at each boundary of its requests, and in the middle of each upload; each
 * time looks at what readers see, and repeats the publication.
 * @returns how often a release was incomplete, and complete, when its publisher had died.
 */
export async function killAtEachBoundary(site: Site): Promise<{ incomplete: number; complete: number }> {
  const boundaries = boundariesOf(await undisturbed(site), site);
  const seen = new Map<Boundary, boolean>();
  const waiting = boundaries.map((boundary, index): [string, Boundary] => [`demo-${index}`, boundary]);
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      seen.set(next[1], await killAndRepeat(site, ...next));
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  const complete = boundaries.map((boundary) => seen.get(boundary) === true);
  // From one request on it is complete, and not before.
  expect(complete).toEqual([...complete].sort((a, b) => Number(a) - Number(b)));
  const count = complete.filter(Boolean).length;
  return { incomplete: complete.length - count, complete: count };
}

/** Before the first request, after each was answered, and in the middle of each that carries something. */
function boundariesOf(requests: readonly ProxiedRequest[], { writesOnly = false }: Site): readonly Boundary[] {
  const counted = requests.filter(({ method }) => !writesOnly || !['GET', 'HEAD'].includes(method));
  return [
    { request: 1, moment: 'before-request' },
    ...counted.flatMap(({ number, size }): Boundary[] => [
      ...(size > 1 ? [{ request: number, moment: 'mid-request' } as const] : []),
      { request: number, moment: 'before-answer' },
    ]),
  ];
}

async function undisturbed(site: Site): Promise<readonly ProxiedRequest[]> {
  await using project = await signedProject('demo-undisturbed', site);
  await using proxy = await startFaultProxy(site.server);
  const end = await publishing(project, site, proxy.url, 'demo-undisturbed').end;
  expect(end, end.stderr + end.stdout).toMatchObject({ code: 0 });
  expect(await completeRelease(site, 'demo-undisturbed')).toBe(true);
  return proxy.requests;
}

async function killAndRepeat(site: Site, tool: string, boundary: Boundary): Promise<boolean> {
  await using project = await signedProject(tool, site);
  await kill(project, site, tool, boundary);
  const complete = await completeRelease(site, tool);
  await repeat(project, site, tool);
  expect(await completeRelease(site, tool)).toBe(true);
  return complete;
}

async function kill(project: ScratchProject, site: Site, tool: string, boundary: Boundary): Promise<void> {
  const killing: (() => Promise<void>)[] = [];
  await using proxy = await startFaultProxy(site.server, ({ number }) =>
    number === boundary.request
      ? { moment: boundary.moment, first: () => killing[0]?.() ?? Promise.resolve() }
      : undefined,
  );
  const cli = publishing(project, site, proxy.url, tool);
  killing.push(async () => {
    cli.process.kill('SIGKILL');
    if (cli.process.signalCode === null) await once(cli.process, 'exit');
  });
  expect(await cli.end, JSON.stringify(boundary)).toMatchObject({ signal: 'SIGKILL' });
}

function publishing(project: ScratchProject, { store, env }: Site, address: string, tool: string) {
  const place = { cwd: project.folder, env: env(address) };
  return startCli(['publish', '--sign', 'key.pem', '--to', store(address, tool)], place);
}

/** With the same bytes, in this process: what is repeated is in the store, not in a process. */
async function repeat(project: ScratchProject, site: Site, tool: string): Promise<void> {
  const [env, cacheDirectory] = [site.env(site.server), join(project.folder, 'cache')];
  const host = createHost({ env, cwd: project.folder, cacheDirectory });
  const to = [site.store(site.server, tool)];
  const { failure, stores } = await publishRelease(await openProject(host), host, { sign: 'key.pem', to });
  expect(failure).toBeNull();
  expect(stores).toMatchObject([{ complete: true }]);
  expect((await readFile(join(project.folder, 'SHA256SUMS'), 'utf8')).split('\n')).toHaveLength(
    site.targets.length + 1,
  );
}

/** What a reader sees: nothing complete, or a release of which every byte is right, and attested. */
async function completeRelease(site: Site, tool: string): Promise<boolean> {
  const host = createHost({ env: {}, cwd: '/', cacheDirectory: '/nonexistent' });
  const store = await openStore(host, parseStoreReference(site.store(site.server, tool)), []);
  try {
    const release = await readRelease(store, { tool, version: 1 });
    for (const file of release?.manifest.files ?? []) {
      await verifyStoredFile(store, file.name, file);
      const attestations = await readStoredAttestations(store, file.name);
      expect(attestations.map(({ name }) => name)).toEqual([file.attestation]);
    }
    return release !== undefined;
  } finally {
    await store.close();
  }
}

async function signedProject(tool: string, { targets }: Site): Promise<ScratchProject> {
  const project = await scratchProject({ 'toolcrib.json': { tool, targets }, 'tool-version.txt': '1\n' });
  for (const target of targets) {
    const machine = target.startsWith('amd64') ? 62 : 183;
    await project.write(`binaries/${tool}-${target}-v1`, elfFile({ machine }));
  }
  await project.write('key.pem', generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await chmod(join(project.folder, 'key.pem'), 0o600);
  return project;
}
