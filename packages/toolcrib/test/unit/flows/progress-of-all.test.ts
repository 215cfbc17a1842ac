import { expect, test } from 'vitest';
import type { Notice, Reporter } from '../../../src/core/reporter.ts';
import { progressOfAll } from '../../../src/flows/progress-of-all.ts';

function listener() {
  const heard = {
    notices: [] as Notice[],
    bars: [] as { label: string; total: number | undefined }[],
    bytes: 0,
    ended: 0,
  };
  const reporter: Reporter = {
    notice: (notice) => void heard.notices.push(notice),
    progress(label, total) {
      heard.bars.push({ label, total });
      return { advance: (bytes) => void (heard.bytes += bytes), end: () => void (heard.ended += 1) };
    },
  };
  return { heard, reporter };
}

test('many injections have one bar, in which each sandbox counts alike, also one that needed nothing or failed', () => {
  const { heard, reporter } = listener();
  const all = progressOfAll(reporter, 3);
  const [a, b, c] = [all.of('docker:a'), all.of('docker:b'), all.of('docker:c')];
  const first = a.reporter.progress('inject into a', 100);
  first.advance(60);
  b.reporter.progress('inject into b', 100).advance(150);
  first.end();
  expect(heard).toMatchObject({ bars: [{ label: 'inject into 3 sandboxes', total: 300 }], bytes: 160, ended: 0 });
  a.end();
  expect(heard.bytes).toBe(200);
  b.end();
  c.end();
  all.end();
  expect(heard).toMatchObject({ bytes: 300, ended: 1 });
});

test('without anything to send there is no bar', () => {
  const { heard, reporter } = listener();
  const all = progressOfAll(reporter, 1);
  all.of('docker:a').end();
  all.end();
  expect(heard).toMatchObject({ bars: [], ended: 0 });
});

test('a warning says whose it is, and steps are left to the table', () => {
  const { heard, reporter } = listener();
  const { reporter: mine } = progressOfAll(reporter, 1).of('docker:a');
  mine.notice({ kind: 'step', text: 'placed' });
  mine.notice({ kind: 'warning', text: 'it was changed', hint: 'look' });
  expect(heard.notices).toEqual([{ kind: 'warning', text: 'docker:a: it was changed', hint: 'look' }]);
});
