import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logAuthorship, type LogFacts, type LogSight } from '../../../../src/run/ingest/log-author.ts';

const ROOT = { path: '/', uid: 0, mode: 0o40755, owners: [0] };
const LOGS = { path: '/logs', uid: 7, mode: 0o40755, owners: [7] };
const sight: LogSight = {
  device: 1n,
  inode: 2n,
  size: 3n,
  changed: 4n,
  uid: 7,
  mode: 0o100644,
  folders: [LOGS, ROOT],
};
const grown: LogSight = { ...sight, size: 30n, changed: 40n };
const facts: LogFacts = {
  before: sight,
  read: [grown, grown],
  after: grown,
  uid: 1000,
  isPrivileged: false,
  isStream: false,
};

describe('the log of a gate', () => {
  test('that other users alone may write was not written by the command', () => {
    expect(logAuthorship(facts)).toEqual({
      command_could_write: false,
      because: ['it and the folders on the way to it belong to other users, who alone may write there'],
    });
    expect(logAuthorship({ ...facts, before: undefined }).command_could_write).toBe(false);
  });

  test.each<[why: string, Partial<LogFacts>]>([
    [
      'the command was started with privileges: permissions may not bind it',
      { isPrivileged: true, before: sight, read: [sight, sight], after: sight },
    ],
    ['a standard stream of the command leads to it', { isStream: true }],
    ['it belongs to the user of the command', { after: { ...grown, uid: 1000 } }],
    ['everybody may write it', { after: { ...grown, mode: 0o100602 } }],
    ['its group may write it', { after: { ...grown, mode: 0o100660 } }],
    ['everybody may write it', { read: [{ ...grown, mode: 0o100602 }, grown] }],
    ['it belongs to the user of the command', { read: [grown, { ...grown, uid: 1000 }] }],
    ['its path leads to another file by now', { read: [{ ...grown, inode: 9n }, grown] }],
    ['its path leads to another file by now', { read: [grown, { ...grown, device: 9n }] }],
    ['its path leads to another file by now', { read: [] }],
    ['everybody may write it', { before: { ...sight, mode: 0o100602 } }],
    ['the command may replace what is in /logs', { after: { ...grown, folders: [{ ...LOGS, uid: 1000 }, ROOT] } }],
    ['the command may replace what is in /logs', { after: { ...grown, folders: [{ ...LOGS, mode: 0o40777 }, ROOT] } }],
    ['the command may replace what is in /', { after: { ...grown, folders: [LOGS, { ...ROOT, mode: 0o40775 }] } }],
  ])('could be its own: %s', (why, more) => {
    expect(logAuthorship({ ...facts, ...more })).toEqual({ command_could_write: true, because: [why] });
  });

  test('in a sticky folder is replaced by the owner of what is in it alone', () => {
    const inTmp = (uid: number, folderUid: number): LogSight => {
      const tmp = { path: '/tmp', uid: 0, mode: 0o41777, owners: [folderUid] };
      return {
        ...grown,
        uid,
        folders: [{ path: '/tmp/logs', uid: folderUid, mode: 0o40755, owners: [uid] }, tmp, ROOT],
      };
    };
    expect(logAuthorship({ ...facts, after: inTmp(7, 7) }).command_could_write).toBe(false);
    expect(logAuthorship({ ...facts, after: inTmp(7, 1000) }).because).toEqual([
      'the command may replace what is in /tmp/logs',
      'the command may replace what is in /tmp',
    ]);
  });

  test('that did not change during the run was not written by a command without privileges, whatever it may do', () => {
    const open = { ...sight, uid: 1000, mode: 0o100666 };
    expect(logAuthorship({ ...facts, before: open, read: [open, open], after: open })).toEqual({
      command_could_write: false,
      because: ['it was there before the command started, and did not change'],
    });
    const change: readonly Partial<LogSight>[] = [{ device: 9n }, { inode: 9n }, { size: 9n }, { changed: 9n }];
    for (const changed of change) {
      const other = { ...open, ...changed };
      const seen = { ...facts, before: open, read: [open, open], after: open };
      expect(logAuthorship({ ...seen, after: other }).command_could_write).toBe(true);
      expect(logAuthorship({ ...seen, read: [other, open] }).command_could_write).toBe(true);
      expect(logAuthorship({ ...seen, read: [open, other] }).command_could_write).toBe(true);
    }
  });

  test('that did not change counts as exchanged while it was read, and back, where the command may do that', () => {
    const open = { ...sight, folders: [{ ...LOGS, uid: 1000 }, ROOT] };
    expect(logAuthorship({ ...facts, before: open, read: [open, open], after: open })).toEqual({
      command_could_write: true,
      because: ['the command may replace what is in /logs'],
    });
  });

  test('never becomes independent when more is permitted', () => {
    const mode = fc.integer({ min: 0, max: 0o777 });
    const user = fc.constantFrom(0, 7, 1000);
    const owners = fc.array(user, { maxLength: 2 });
    const folder = fc.record({ path: fc.constantFrom('/', '/logs', '/logs/a'), uid: user, mode, owners });
    const some = fc.record({ uid: user, mode, folders: fc.array(folder, { maxLength: 3 }) });
    fc.assert(
      fc.property(some, fc.integer({ min: 0, max: 0o777 }), fc.boolean(), (log, more, isStream) => {
        const judged = (mode: number, stream: boolean): boolean =>
          logAuthorship({ ...facts, after: { ...grown, ...log, mode }, isStream: stream }).command_could_write;
        if (judged(log.mode, false)) expect(judged(log.mode | more, isStream)).toBe(true);
      }),
    );
  });
});
