import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeAdded, describeLock, shownAdded, shownLock } from '../../../src/report/extension-text.ts';

const signed = 'https://h/a.gtxpack?X-Amz-Signature=hunter2';
const facts = { id: 'a', sourceRef: signed, resolvedRef: signed, digest: 'sha256:ab', size: 5 };
const lock = { file: '/p/lock.json', extensions: [facts], changed: true, moved: [], asked: true };
const added = { declared: { id: 'a', reference: 'b', kind: 'file' }, locked: facts, replaced: signed };

test('a lock is told without what opens a server, as text and as JSON', () => {
  expect(describeLock(lock)).toBe(
    '/p/lock.json: written\na\n  source       https://h/a.gtxpack?…\n  locked       sha256:ab, 5 B\n',
  );
  const shown = 'https://h/a.gtxpack?…';
  const told = { ...facts, sourceRef: shown, resolvedRef: shown };
  expect(shownLock(lock)).toEqual({ ...lock, extensions: [told] });
  expect(shownAdded(added)).toEqual({ ...added, locked: told, replaced: shown });
  expect(describeAdded(added)).toBe(
    'a\n  source       https://h/a.gtxpack?…\n  locked       sha256:ab, 5 B\n  in place of  https://h/a.gtxpack?…\n',
  );
  expect(shownAdded({ ...added, replaced: null }).replaced).toBeNull();
});

test('a lock is told with what it was before, and that nobody was asked', () => {
  const moved = [{ id: 'a', from: 'sha256:aa' }];
  expect(
    describeLock({ ...lock, moved })
      .split('\n')
      .slice(-3),
  ).toEqual(['  locked       sha256:ab, 5 B', '  before       sha256:aa', '']);
  expect(describeLock({ ...lock, changed: false, asked: false }).split('\n')[0]).toBe(
    '/p/lock.json: up to date; offline: no store, server or registry was asked',
  );
});

test('what a file says makes no line of its own', () => {
  const forged = 'a\n  locked       sha256:fake\u001b[2K';
  fc.assert(
    fc.property(fc.oneof(fc.constant(forged), fc.string({ unit: 'binary' })), (text) => {
      const odd = { ...facts, id: text, sourceRef: text, resolvedRef: text };
      expect(describeLock({ ...lock, extensions: [odd] }).split('\n')).toHaveLength(5);
      const lines = describeAdded({ ...added, locked: odd, replaced: `${text}x` }).split('\n');
      expect(lines).toHaveLength(5);
      for (const line of lines) expect(line).not.toMatch(/\p{Cc}/u);
    }),
  );
});
