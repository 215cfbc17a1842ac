import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { createLedger, type LedgerEntry } from '../../../src/inject/ledger.ts';
import type { SandboxIdentity } from '../../../src/sandboxes/sandbox.ts';

const identity: SandboxIdentity = {
  engine: 'unix:///var/run/docker.sock',
  id: 'abc',
  startedAt: '2026-01-01T00:00:00Z',
  arch: 'amd64',
  user: '',
  cwd: '/',
  env: {},
  readOnlyRoot: false,
  mounts: [],
};
const entry: LedgerEntry = {
  directory: '/var/lib/toolcrib/x',
  rung: 'archive',
  protection: 'root-owned',
  why: 'because',
  readBack: 'engine',
  provenAt: 1,
};
const digest = digestOf('artifact');

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ledger-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('the ledger', () => {
  test('finds what it recorded, for that sandbox, that start of it and that artifact only', async () => {
    const ledger = createLedger(join(folder, 'not', 'there', 'yet'));
    expect(await ledger.find(identity, digest)).toBeUndefined();
    await ledger.record(identity, digest, entry);
    expect(await ledger.find(identity, digest)).toEqual(entry);
    expect(await ledger.find({ ...identity, startedAt: 'later' }, digest)).toBeUndefined();
    expect(await ledger.find({ ...identity, id: 'abd' }, digest)).toBeUndefined();
    expect(await ledger.find({ ...identity, engine: 'another' }, digest)).toBeUndefined();
    expect(await ledger.find(identity, digestOf('another'))).toBeUndefined();
  });

  test('knows of a mount which tree of this host it is, and knows no mount without that', async () => {
    const ledger = createLedger(folder);
    const trees = '/root/.cache/toolcrib/v1/trees';
    const source = { path: `${trees}/x`, state: 'sha256:1', empty: `${trees}/empty` };
    const mount: LedgerEntry = {
      ...entry,
      rung: 'overlay',
      protection: 'read-only-mount',
      readBack: 'host',
      source,
    };
    await ledger.record(identity, digest, mount);
    expect(await ledger.find(identity, digest)).toEqual(mount);
    await ledger.record(identity, digest, { ...mount, source: { ...source, state: '' } });
    expect(await ledger.find(identity, digest)).toMatchObject({ source: { state: '' } });
    const { source: _source, ...without } = mount;
    await ledger.record(identity, digest, without);
    expect(await ledger.find(identity, digest)).toBeUndefined();
    await ledger.record(identity, digest, { ...entry, source });
    expect(await ledger.find(identity, digest)).toBeUndefined();
  });

  test('knows nothing where its file is damaged or was moved from another sandbox', async () => {
    const ledger = createLedger(folder);
    await ledger.record(identity, digest, entry);
    const [name = ''] = await readdir(folder);
    await ledger.record({ ...identity, id: 'another' }, digest, { ...entry, directory: '/elsewhere' });
    const other = (await readdir(folder)).find((one) => one !== name) ?? '';
    for (const text of [await readFile(join(folder, other), 'utf8'), '', '{', '[]', 'null', '{"schema":"x"}']) {
      await writeFile(join(folder, name), text);
      expect(await ledger.find(identity, digest), text).toBeUndefined();
    }
  });

  test('lists what it knows of a sandbox, whenever it was started, and leaves out what is no entry', async () => {
    const ledger = createLedger(join(folder, 'ledger'));
    expect(await ledger.list(identity)).toEqual([]);
    const restarted = { ...identity, startedAt: '2026-01-02T00:00:00Z' };
    await ledger.record(identity, digest, entry);
    await ledger.record(restarted, digest, { ...entry, directory: '/later' });
    await ledger.record({ ...identity, id: 'another' }, digest, { ...entry, directory: '/elsewhere' });
    const listed = async () => (await ledger.list(identity)).map((known) => known.entry.directory).sort();
    expect(await listed()).toEqual(['/later', entry.directory]);
    const [known] = (await ledger.list(identity)).filter(({ sandbox }) => sandbox.startedAt === identity.startedAt);
    expect(known).toEqual({
      sandbox: { engine: identity.engine, id: 'abc', startedAt: identity.startedAt },
      digest,
      entry,
    });

    const names = await readdir(join(folder, 'ledger'));
    const name = await nameOf(names, (text) => text.includes('/later'));
    const text = await readFile(join(folder, 'ledger', name), 'utf8');
    const moved = text.replace(restarted.startedAt, identity.startedAt);
    for (const damaged of [text.slice(0, -40), '', 'null', moved, 'x'.repeat(70_000)]) {
      await writeFile(join(folder, 'ledger', name), damaged);
      expect(await listed(), damaged.slice(0, 100)).toEqual([entry.directory]);
    }
  });

  test('forgets an entry, and what it does not know', async () => {
    const ledger = createLedger(folder);
    await ledger.record(identity, digest, entry);
    await ledger.forget(identity, digestOf('another'));
    expect(await ledger.find(identity, digest)).toEqual(entry);
    await ledger.forget(identity, digest);
    await ledger.forget(identity, digest);
    expect(await ledger.find(identity, digest)).toBeUndefined();
  });

  test('is not kept from what it knows by a directory in the place of an entry', async () => {
    const ledger = createLedger(folder);
    await ledger.record({ ...identity, startedAt: 'earlier' }, digest, entry);
    const [name = ''] = await readdir(folder);
    await rm(join(folder, name));
    await mkdir(join(folder, name));
    await mkdir(join(folder, `${'0'.repeat(64)}.json`));
    await ledger.record(identity, digest, entry);
    expect(await ledger.find({ ...identity, startedAt: 'earlier' }, digest)).toBeUndefined();
    expect((await ledger.list(identity)).map((known) => known.sandbox.startedAt)).toEqual([identity.startedAt]);
  });

  test('does not wait for a pipe in the place of an entry, which is none', async () => {
    const ledger = createLedger(folder);
    await ledger.record(identity, digest, entry);
    const [name = ''] = await readdir(folder);
    await rm(join(folder, name));
    spawnSync('mkfifo', [join(folder, name)]);
    expect(await readdir(folder)).toEqual([name]);
    expect(await ledger.find(identity, digest)).toBeUndefined();
    expect(await ledger.list(identity)).toEqual([]);
  });
});

async function nameOf(names: readonly string[], fits: (text: string) => boolean): Promise<string> {
  for (const name of names) if (fits(await readFile(join(folder, 'ledger', name), 'utf8'))) return name;
  throw new Error('no file fits');
}
