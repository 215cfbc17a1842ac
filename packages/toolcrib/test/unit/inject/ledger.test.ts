import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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

  test('knows nothing where its file is damaged or was moved from another sandbox', async () => {
    const ledger = createLedger(folder);
    await ledger.record(identity, digest, entry);
    const [name = ''] = await readdir(folder);
    await ledger.record({ ...identity, id: 'another' }, digest, { ...entry, directory: '/elsewhere' });
    const other = (await readdir(folder)).find((one) => one !== name) ?? '';
    const { readFile } = await import('node:fs/promises');
    for (const text of [await readFile(join(folder, other), 'utf8'), '', '{', '[]', 'null', '{"schema":"x"}']) {
      await writeFile(join(folder, name), text);
      expect(await ledger.find(identity, digest), text).toBeUndefined();
    }
  });
});
