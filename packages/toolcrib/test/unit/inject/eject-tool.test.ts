import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { SandboxError } from '../../../src/core/errors.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { ejectTool, type EjectRequest } from '../../../src/inject/eject-tool.ts';
import { createLedger, type LedgerEntry } from '../../../src/inject/ledger.ts';
import { findLeftovers } from '../../../src/inject/leftovers.ts';
import { mountPathOf } from '../../../src/inject/mounted-path.ts';
import { createNotes } from '../../../src/inject/unfinished.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { createScratch } from '../disk/scratch.ts';

const digest = digestOf('artifact');
const PARENT = '/var/lib/toolcrib';
const NAME = 'probe-v1-0123456789ab-0123456789abcdef';
const DIRECTORY = `${PARENT}/${NAME}`;

function entryOf(directory: string): LedgerEntry {
  return { directory, rung: 'archive', protection: 'same-user', why: 'so', readBack: 'engine', provenAt: 1 };
}

/** A local sandbox with a tree in it that the ledger knows as a placement. */
async function site() {
  const scratch = await createScratch();
  const box = join(scratch.path, 'box');
  await mkdir(join(box, DIRECTORY), { recursive: true });
  await writeFile(join(box, DIRECTORY, 'file'), 'bytes');
  const sandbox = await openLocalSandbox(box, { env: {} });
  const directory = join(scratch.path, 'ledger');
  const ledger = createLedger(directory);
  await ledger.record(sandbox.identity, digest, entryOf(DIRECTORY));
  const request: EjectRequest = {
    ...{ sandbox, ledger: directory, clock: systemClock, reporter: silentReporter },
    ...{ tool: 'probe', versions: undefined },
  };
  const notes = createNotes(directory, () => 1);
  const standing = () => readdir(join(box, PARENT));
  return {
    box,
    sandbox,
    ledger,
    notes,
    request,
    standing,
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

/** The sandbox with mounts of toolcrib, of which only the kernel tells. */
function withMounts(sandbox: Sandbox, paths: readonly string[]): Sandbox {
  const never = () => Promise.reject(new Error('nothing is placed or mounted'));
  const mounter = { mount: never, isMounted: () => Promise.resolve(false), mountPaths: () => Promise.resolve(paths) };
  return { ...sandbox, namespace: { look: never, place: never, read: never, mounter } };
}

async function changeNote(ledger: string, change: (text: string) => string): Promise<void> {
  const name = (await readdir(ledger)).find((file) => /^[0-9a-f]{64}-[0-9a-f]{16}\.json$/.test(file)) ?? expect.fail();
  const text = await readFile(join(ledger, name), 'utf8');
  expect(change(text)).not.toBe(text);
  await writeFile(join(ledger, name), change(text));
}

describe('ejecting', () => {
  test('has the ledger forget a placement before the first file of it is removed', async () => {
    await using at = await site();
    const { sandbox, ledger, notes } = at;
    const seen: unknown[] = [];
    const removeTree = async () => {
      seen.push(await ledger.find(sandbox.identity, digest), await notes.list(sandbox.identity));
      throw new Error('killed here');
    };
    const dying = { ...at.request, sandbox: { ...sandbox, remover: { removeTree } } };
    await expect(ejectTool(dying)).rejects.toThrow('killed here');
    expect(seen).toMatchObject([undefined, [{ directory: DIRECTORY, state: 'left' }]]);
    expect(await at.standing()).toEqual([NAME]);
    expect(await ejectTool(at.request)).toMatchObject([{ directory: DIRECTORY, kind: 'leftover', outcome: 'removed' }]);
    expect(await at.standing()).toEqual([]);
    expect(await notes.list(sandbox.identity)).toEqual([]);
  });

  test('tells what could not be removed as a whole, and takes the rest the next time', async () => {
    await using at = await site();
    const { sandbox } = at;
    const removeTree = () => Promise.reject(new SandboxError('NOT_INJECTABLE', 'half of it stays'));
    const failing = { ...at.request, sandbox: { ...sandbox, remover: { removeTree } } };
    expect(await ejectTool(failing)).toMatchObject([
      { kind: 'placement', outcome: 'left', reason: 'half of it stays; the sandbox has no rm' },
    ]);
    expect(await at.ledger.find(sandbox.identity, digest)).toBeUndefined();
    expect(await ejectTool(at.request)).toMatchObject([{ kind: 'leftover', outcome: 'removed' }]);
  });

  test('does without its note where none can be written, and says of what stays that it is not known any more', async () => {
    await using at = await site();
    const { sandbox, notes, request } = at;
    await notes.note(sandbox.identity, { directory: DIRECTORY, digest, state: 'left' });
    const note = (await readdir(request.ledger)).find((name) => name.includes('-')) ?? expect.fail();
    await rm(join(request.ledger, note));
    await mkdir(join(request.ledger, note)); // a file cannot take its place, as on a full disk
    const removeTree = () => Promise.reject(new SandboxError('NOT_INJECTABLE', 'half of it stays'));
    expect(await ejectTool({ ...request, sandbox: { ...sandbox, remover: { removeTree } } })).toMatchObject([
      { outcome: 'left', reason: expect.stringMatching(/^half of it stays.* does not know it any more$/) as string },
    ]);
    expect(await at.ledger.find(sandbox.identity, digest)).toBeUndefined();
  });

  test('tells a mount that was replaced and moved as what it is, each time, and no injection warns of it', async () => {
    await using at = await site();
    const { sandbox, notes } = at;
    const mount = `${PARENT}/probe-v1-0123456789ab-fedcba9876543210`;
    await at.ledger.forget(sandbox.identity, digest);
    await notes.note(sandbox.identity, { directory: mount, digest, state: 'replaced' });
    const moved = mount.replace(PARENT, '/var/lib/elsewhere');
    const request = { ...at.request, sandbox: withMounts(sandbox, [moved]) };
    const reason = `root in the sandbox moved the mount to ${moved}, where it stays until the sandbox stops`;
    for (let time = 0; time < 2; time += 1) {
      expect(await ejectTool(request)).toMatchObject([{ directory: mount, kind: 'replaced', outcome: 'left', reason }]);
      expect(await findLeftovers(request)).toEqual([]);
    }
    expect(await ejectTool(at.request)).toMatchObject([{ directory: mount, kind: 'replaced', outcome: 'absent' }]);
    expect(await notes.list(sandbox.identity)).toEqual([]);
  });

  test('knows a mount that was moved on, and removes nothing that stands in its place', async () => {
    await using at = await site();
    const moved = DIRECTORY.replace(PARENT, '/var/lib/elsewhere');
    const request = { ...at.request, sandbox: withMounts(at.sandbox, [moved]) };
    for (let time = 0; time < 2; time += 1) {
      expect(await ejectTool(request)).toMatchObject([{ directory: DIRECTORY, kind: 'placement', outcome: 'left' }]);
      expect(await at.standing()).toEqual([NAME]);
    }
    expect(await at.notes.list(at.sandbox.identity)).toEqual([]);
  });

  test('tells the mount that the sandbox was made with, and that it stays, of that tool and those versions alone', async () => {
    await using at = await site();
    const mountsAt = (...paths: readonly string[]) => {
      const mounts = paths.map((path) => ({ path, kind: 'bind', writable: false, executable: true }) as const);
      return { ...at.sandbox, identity: { ...at.sandbox.identity, mounts } };
    };
    const mount = mountPathOf({ tool: 'probe', version: 1, digest });
    const others = ['/work', `${mount}/bin`, `/elsewhere${mount}`, mountPathOf({ tool: 'other', version: 1, digest })];
    const request = { ...at.request, sandbox: mountsAt(...others, mount) };
    const reason = 'the sandbox was made with this mount, which stays as long as the sandbox does';
    const told = { directory: mount, tool: 'probe', version: 1, kind: 'mount', outcome: 'left', reason };
    expect(await ejectTool({ ...request, versions: [2] })).toEqual([]);
    expect(await ejectTool(request)).toEqual([
      expect.objectContaining({ kind: 'placement', outcome: 'removed' }),
      told,
    ]);
    expect(await ejectTool(request)).toEqual([told]);
  });

  test('ends with its signal, and after a minute, when what removes a tree does not end by itself', async () => {
    await using at = await site();
    const { sandbox, request } = at;
    const over = new AbortController();
    const removeTree = (_: string, signal?: AbortSignal) =>
      new Promise<void>((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new SandboxError('NOT_INJECTABLE', 'it was ended')));
        over.abort(new Error('Ctrl-C'));
      });
    const endless = { ...sandbox, remover: { removeTree } };
    const hurried = { ...systemClock, sleep: () => Promise.resolve() };
    expect(await ejectTool({ ...request, sandbox: endless, clock: hurried })).toMatchObject([
      { outcome: 'left', reason: expect.stringContaining('did not end within 60 s') as string },
    ]);
    await at.ledger.record(sandbox.identity, digest, entryOf(DIRECTORY));
    await expect(ejectTool({ ...request, sandbox: endless, signal: over.signal })).rejects.toThrow('Ctrl-C');
  });

  test('touches nothing whose name no injection gives, whatever the ledger says', async () => {
    await using at = await site();
    const { sandbox, ledger, notes } = at;
    await at.sandbox.remover?.removeTree(DIRECTORY);
    const known = [PARENT, '/', `${PARENT}/../lib`, `${PARENT}/probe-v1-0123456789ab-mount`];
    for (const [index, directory] of known.entries()) {
      await mkdir(join(at.box, directory), { recursive: true });
      await ledger.record(sandbox.identity, digestOf(`artifact ${index}`), entryOf(directory));
    }
    expect(await ejectTool(at.request)).toMatchObject([{ directory: DIRECTORY, outcome: 'absent' }]);
    // As a note would say it that somebody changed.
    await mkdir(join(at.box, PARENT, 'probe-v1'));
    await notes.note(sandbox.identity, { directory: DIRECTORY, digest, state: 'left' });
    await changeNote(at.request.ledger, (text) => text.replace(NAME, 'probe-v1'));
    expect(await ejectTool(at.request)).toEqual([]);
    expect(await at.standing()).toEqual(['probe-v1', 'probe-v1-0123456789ab-mount']);
  });

  test('leaves alone what a running process writes, and a note that the ledger overtook', async () => {
    await using at = await site();
    const { sandbox, notes } = at;
    const other = `${PARENT}/probe-v1-0123456789ab-fedcba9876543210`;
    await mkdir(join(at.box, other));
    await notes.note(sandbox.identity, { directory: other, digest, state: 'writing' });
    await notes.note(sandbox.identity, { directory: DIRECTORY, digest, state: 'left' });
    expect(await ejectTool({ ...at.request, versions: [2] })).toEqual([]);
    expect(await at.standing()).toHaveLength(2);
    expect(await notes.list(sandbox.identity)).toMatchObject([{ directory: other }]);
    expect(await ejectTool(at.request)).toMatchObject([{ directory: DIRECTORY, kind: 'placement' }]);
    expect(await at.standing()).toEqual([other.slice(PARENT.length + 1)]);
  });
});
