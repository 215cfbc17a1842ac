import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { ownIdentity } from '../../../src/disk/process-identity.ts';
import { createNotes, isLeftOver, type Unfinished } from '../../../src/inject/unfinished.ts';
import { createScratch } from '../disk/scratch.ts';

const NOW = '2026-11-22T08:00:00Z';
const DAY_MS = 24 * 3600 * 1000;
const box = { engine: 'unix:///engine.sock', id: 'abc' };
const digest = digestOf('artifact');
const directory = '/var/lib/toolcrib/tool-v1-0123456789ab-0123456789abcdef';
const written = { directory, digest, state: 'writing' } as const;

describe('notes about directories that are no placements', () => {
  test('are found by the sandbox, whenever it was started, and struck when the directory is gone', async () => {
    await using scratch = await createScratch();
    const notes = createNotes(join(scratch.path, 'not', 'there', 'yet'), () => 5);
    expect(await notes.list(box)).toEqual([]);
    await notes.note(box, written);
    const noted: Unfinished = { ...written, process: ownIdentity(), notedAt: 5 };
    expect(await notes.list(box)).toEqual([noted]);
    expect(await notes.list({ ...box, id: 'abd' })).toEqual([]);
    expect(await notes.list({ ...box, engine: 'another' })).toEqual([]);
    await notes.note(box, { ...written, state: 'left' });
    expect(await notes.list(box)).toEqual([{ ...noted, state: 'left' }]);
    await notes.strike(box, directory);
    await notes.strike(box, directory);
    expect(await notes.list(box)).toEqual([]);
  });

  test('that are damaged, cut, or were moved from another sandbox are none', async () => {
    await using scratch = await createScratch();
    const notes = createNotes(scratch.path, () => 5);
    await notes.note(box, written);
    const [name = ''] = await readdir(scratch.path);
    const text = await readFile(join(scratch.path, name), 'utf8');
    const strangers = [text.replace('"abc"', '"abd"'), text.replace('0123456789abcdef', 'f123456789abcdef')];
    const damaged = [text.slice(0, 100), '', '{', '[]', 'null', text.replace('writing', 'written'), '\0'.repeat(200)];
    for (const other of [
      ...strangers,
      ...damaged,
      text.replace('sha256:', 'sha1:'),
      text.replace('"notedAt": 5', '"notedAt": "5"'),
    ]) {
      expect(other).not.toBe(text);
      await writeFile(join(scratch.path, name), other);
      expect(await notes.list(box), other).toEqual([]);
    }
    await writeFile(join(scratch.path, name), text);
    expect(await notes.list(box)).toHaveLength(1);
  });
});

describe('a noted directory', () => {
  const of = (more: Partial<Unfinished>): Unfinished => ({ ...written, process: ownIdentity(), notedAt: 0, ...more });

  test('is left over when the process that wrote it has ended, and not before', () => {
    const ended = { ...ownIdentity(), pid: spawnSync('true').pid };
    expect(isLeftOver(of({ process: ended }), 1, NOW)).toBe(true);
    expect(isLeftOver(of({}), 10 * DAY_MS, NOW)).toBe(false);
    expect(isLeftOver(of({ process: { ...ownIdentity(), start: 1 } }), 1, NOW)).toBe(true);
  });

  test('of a process that cannot be asked is left over after a day', () => {
    const elsewhere = { ...ownIdentity(), host: '00000000' };
    expect(isLeftOver(of({ process: elsewhere }), DAY_MS / 2, NOW)).toBe(false);
    expect(isLeftOver(of({ process: elsewhere }), DAY_MS + 1, NOW)).toBe(true);
  });

  test('is left over when it was given up, and not when it is a placement that another one replaced', () => {
    expect(isLeftOver(of({ state: 'left' }), 1, NOW)).toBe(true);
    expect(isLeftOver(of({ state: 'replaced' }), 10 * DAY_MS, NOW)).toBe(false);
  });

  test('for a mount is left over when the sandbox was started again since', () => {
    expect(isLeftOver(of({ state: 'mounted', startedAt: NOW }), 10 * DAY_MS, NOW)).toBe(false);
    expect(isLeftOver(of({ state: 'mounted', startedAt: '2026-11-21T08:00:00Z' }), 1, NOW)).toBe(true);
  });
});
