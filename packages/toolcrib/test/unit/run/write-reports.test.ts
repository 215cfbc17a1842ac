import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { KERNEL_PATH, POLICY_PATH, SDK_PATH } from '../../../src/run/archive/paths.ts';
import { verifyArchive } from '../../../src/run/archive/verify.ts';
import { archiveBytes, createArchiveDraft } from '../../../src/run/archive/write.ts';
import { createRedactor } from '../../../src/run/redaction/redactor.ts';
import { createRunSpec } from '../../../src/run/run-spec.ts';
import { createSurfaceBuilder } from '../../../src/run/reports/capability-surface.ts';
import { writeReports, type FinishedRun } from '../../../src/run/write-reports.ts';
import { fixedKey, fixedRandom } from './fixed.ts';
import { PLACEMENT } from './placement.ts';

const UNWATCHED: FinishedRun = {
  spec: createRunSpec(['true'], { platform: 'linux', random: fixedRandom }),
  redactor: createRedactor(fixedKey),
  run: {
    end: { exitCode: 0, signal: null },
    spawnError: null,
    timedOut: false,
    elapsedMs: 1,
    tier: 'none',
    refusals: [],
    requested: 'off',
    capture: undefined,
  },
  surface: createSurfaceBuilder(),
  ingested: { decisions: [], sdkEvents: 0, sdkToolCalls: new Set(), notes: [], authors: [], failures: [] },
  perturbations: [],
  injection: undefined,
};

async function inspect(run: FinishedRun) {
  const draft = createArchiveDraft({ directory: tmpdir() });
  for (const path of [KERNEL_PATH, POLICY_PATH, SDK_PATH]) draft.member(path);
  await writeReports(draft, run);
  const inspection = await verifyArchive(archiveBytes(await draft.seal(run.spec.run_id)));
  await draft.discard();
  return inspection;
}

test('a run in a sandbox that nothing was to watch says so, because its archive is refused without', async () => {
  const { findings, reports } = await inspect({ ...UNWATCHED, injection: PLACEMENT });
  expect(findings).toEqual([]);
  expect(reports.capture).toMatchObject({ requested: 'off', tier: 'none', attribution: null });
});

test('a run on this machine that nothing was to watch has no member about it', async () => {
  const { findings, reports } = await inspect(UNWATCHED);
  expect([findings, reports.capture, reports.coverage]).toEqual([[], undefined, undefined]);
});

test('what the recorder changed for the command stands beside what its observer changed, and without one, too', async () => {
  const perturbations = ['a shim is loaded'];
  const { findings, reports } = await inspect({ ...UNWATCHED, perturbations });
  expect(findings).toEqual([]);
  expect(reports.capture).toMatchObject({ tier: 'none', perturbations });
});
