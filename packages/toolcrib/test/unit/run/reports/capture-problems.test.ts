import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { captureProblems, type CapturedMembers } from '../../../../src/run/reports/capture-problems.ts';
import type { CaptureRecord } from '../../../../src/run/reports/capture-record.ts';
import { coverageProblems } from '../../../../src/run/reports/coverage-problems.ts';
import { healthOfRun } from '../../../../src/run/reports/kernel-health.ts';
import type { ObservationHealth } from '../../../../src/run/reports/observation-health.ts';
import { runCoverage, runCoverageSchema, type RunCoverage } from '../../../../src/run/reports/run-coverage.ts';
import { anyCaptured, captured, lost } from '../captured.ts';
import { fixedKey } from '../fixed.ts';
import { blindSpot, changed, connected, executed, HOST, opened } from '../observed.ts';

function healthOf(capture: CaptureRecord, change: Partial<ObservationHealth> = {}): ObservationHealth {
  const redaction = createRedactor(fixedKey).summary();
  const layers = { policyEvents: 0, sdkEvents: 0, notes: [] };
  return { ...healthOfRun({ runId: 'run_001', platform: 'linux', redaction, capture, ...layers }), ...change };
}

function membersOf(capture: CaptureRecord, health: Partial<ObservationHealth> = {}): CapturedMembers {
  const { kernel = 0, effects = 0, raw = 0 } = capture.normaliser?.lines ?? {};
  return { health: healthOf(capture, health), lines: { kernel, effects, raw, policy: 0, sdk: 0 }, blindSpots: {} };
}

const RUN = captured({ calls: [opened('/a'), opened('/lib/b'), connected(HOST), executed('/c', -2)] });

describe('the record of a capture', () => {
  test('of any run goes with its health, its layers and its coverage', () => {
    fc.assert(
      fc.property(anyCaptured, (run) => {
        const record = captured(run);
        expect(captureProblems(record, membersOf(record))).toEqual([]);
        const coverage = runCoverage(record);
        expect(coverageProblems(coverage, { health: healthOf(record), capture: record })).toEqual([]);
        expect(runCoverageSchema.parse(JSON.parse(JSON.stringify(coverage)))).toEqual(coverage);
      }),
    );
  });

  test.each<[string, Partial<CaptureRecord>, string]>([
    ['of a better tier', { tier: 'ptrace' }, 'cgroup_correlation of health is clean, the record implies partial'],
    ['in doubt', { attribution: 'doubtful' }, 'kernel_layer of health is complete, the record implies absent'],
    ['with losses', { hooks: [...lost(2)] }, 'ringbuf_drops of health is 0, the record implies 2'],
    ['that ended early', { ended_early: true }, 'kernel_layer of health is complete, the record implies partial'],
    [
      'that was survived',
      { survivors: 1 },
      'kernel_layer of health is complete, the record implies partial_ringbuf_drops (survivors: 1)',
    ],
    ['that nobody counted to its end', { survivors: null }, 'the observation is whole, but nobody counted'],
    ['without an observer', { attribution: null }, 'attribution and normaliser do not go together'],
    ['of no tier', { tier: 'none' }, 'tier is none, but there is an attribution'],
    ['of another tier than asked for', { requested: 'off' }, 'requested was off, but tier is ebpf'],
    ['with a hook twice', { hooks: [...lost(0), ...lost(0)] }, 'a hook is accounted for twice'],
  ])('%s does not go with the health of a clean run', (_, change, problem) => {
    expect(captureProblems({ ...RUN, ...change }, membersOf(RUN)).join('\n')).toContain(problem);
  });

  test('counts the lines of each member', () => {
    const { health, lines, blindSpots } = membersOf(RUN);
    for (const member of ['kernel', 'effects', 'raw'] as const) {
      const problems = captureProblems(RUN, {
        health,
        blindSpots,
        lines: { ...lines, [member]: (lines[member] ?? 0) + 1 },
      });
      expect(problems.join('\n')).toContain(`${member} lines`);
    }
    expect(captureProblems(RUN, { health, blindSpots, lines: { ...lines, raw: undefined } })).toEqual([]);
  });

  test('does not call more hidden, led elsewhere or told than there was', () => {
    const { normaliser } = RUN;
    if (normaliser === null) throw new Error('nothing was observed');
    const problemsWith = (change: Partial<typeof normaliser>): string =>
      captureProblems({ ...RUN, normaliser: { ...normaliser, ...change } }, membersOf(RUN)).join('\n');
    expect(problemsWith({ hidden: { proc: 9 } })).toContain('9 opens are hidden, but there were 2');
    expect(problemsWith({ hidden_elsewhere: 2 })).toContain('2 hidden opens led elsewhere, but 1 are hidden');
    expect(problemsWith({ opens: 5 })).toContain('5 opens and endpoints for 2 kernel lines');
    expect(problemsWith({ calls: 1 })).toContain('more lines than the 1 calls');
  });

  test('accounts for every call that was taken, if the observation went on to its end', () => {
    const problemsOf = (change: Partial<CaptureRecord>, run = RUN): readonly string[] =>
      captureProblems({ ...run, ...change }, membersOf({ ...run, ...change }));
    const more = (name: string) =>
      RUN.hooks.map((hook) => (hook.hook === name ? { ...hook, emitted: hook.emitted + 1 } : hook));
    expect(problemsOf({ hooks: more('connect') })).toEqual(['the hooks emitted 5 calls, the normaliser took 4']);
    expect(problemsOf({ hooks: more('openat') })).toContain('the hooks emitted 3 opens, the normaliser took 2');
    expect(problemsOf({ hooks: more('openat'), ended_early: true })).toEqual([]);
    expect(problemsOf({ hooks: [] })).toEqual(['the observation is whole, but no hook is accounted for']);
    const traced = captured({ tier: 'ptrace', calls: [opened('/a')] });
    expect(problemsOf({ hooks: [] }, traced)).toEqual(['the observation is whole, but no hook is accounted for']);
    expect(problemsOf({ hooks: [], ended_early: true }, traced)).toEqual([]);
  });

  test('counts the blind spots that the effects tell', () => {
    const run = captured({ calls: [blindSpot('ptrace'), opened('/proc/7/mem')] });
    const problemsWith = (blindSpots: Readonly<Record<string, number>>): readonly string[] =>
      captureProblems(run, { ...membersOf(run), blindSpots });
    expect(problemsWith({ ptrace: 1 })).toEqual([]);
    expect(problemsWith({ ptrace: 2, mount: 1 })).toEqual([
      'it counts the blind spot ptrace 1 times, the effects 2 times',
      'it counts the blind spot mount 0 times, the effects 1 times',
    ]);
  });

  test('tells each log that became a layer once', () => {
    const { health, lines, blindSpots } = membersOf(RUN);
    const log = { layer: 'policy', command_could_write: false, because: [] } as const;
    const logs = [{ ...log, because: [] }];
    expect(captureProblems(RUN, { health, blindSpots, lines: { ...lines, policy: 1 } })).toEqual([
      'the policy layer has lines, but no log is told',
    ]);
    expect(captureProblems({ ...RUN, logs }, { health, blindSpots, lines: { ...lines, policy: 1 } })).toEqual([]);
    expect(captureProblems({ ...RUN, logs: [...logs, ...logs] }, { health, blindSpots, lines })).toEqual([
      'the policy log is told 2 times',
    ]);
  });

  test('does not go with health that says that somebody else captured', () => {
    expect(captureProblems(RUN, membersOf(RUN, { capture_origin: 'third_party' }))).toEqual([
      'capture_origin is "third_party", but the capture is our own',
    ]);
  });
});

describe('the coverage of an archive', () => {
  const SPOTTED = captured({ calls: [connected(HOST), blindSpot('io_uring_setup')] });

  function problems(
    change: (coverage: RunCoverage) => RunCoverage,
    capture: CaptureRecord | undefined = SPOTTED,
  ): string {
    return coverageProblems(change(runCoverage(SPOTTED)), { health: healthOf(SPOTTED), capture }).join('\n');
  }

  const each =
    (change: Partial<RunCoverage['descriptors'][number]>) =>
    (coverage: RunCoverage): RunCoverage => ({
      ...coverage,
      descriptors: coverage.descriptors.map((one) => ({ ...one, ...change })),
    });

  test('cannot hide a way around that was taken', () => {
    expect(problems(each({ known_blind_spots: [] }))).toContain(
      'filesystem does not tell the blind spot io_uring_setup, which the capture implies',
    );
  });

  test('tells in which dimension a way around counts', () => {
    const paths = [{ given: '/etc' }, { given: '/lib/zz' }];
    const calls = [connected(HOST), connected({ family: 'other', number: 40 }), changed('mount', paths), executed('')];
    const codes = runCoverage(captured({ calls })).descriptors.map(({ dimension, known_blind_spots }) => {
      const all = known_blind_spots.map((spot) => spot.split(':', 1)[0] ?? '');
      return [dimension, all.filter((code) => ['mount', 'non_ip_connect', 'unnamed_exec'].includes(code))];
    });
    expect(codes).toEqual([
      ['filesystem', ['mount']],
      ['network', ['non_ip_connect']],
      ['process', ['unnamed_exec']],
    ]);
  });

  test('cannot claim to be full, or of another kind', () => {
    expect(problems(each({ completeness: 'full' }))).toContain(
      'process is described as full, the capture supports exec_only',
    );
    const { descriptors } = runCoverage(SPOTTED);
    const coverage = {
      ...runCoverage(SPOTTED),
      descriptors: descriptors.map((one) => ({ ...one, completeness: 'full' as const })),
    };
    expect(coverageProblems(coverage, { health: healthOf(SPOTTED), capture: undefined })).toEqual(
      expect.arrayContaining(['filesystem cannot be full', 'network cannot be full', 'process cannot be full']),
    );
    expect(problems(each({ completeness: 'exec_only' }))).toContain('filesystem cannot be exec_only');
  });

  test('cannot claim to observe what was not seen', () => {
    expect(problems(each({ observes: ['datagram peer endpoints'] }))).toContain(
      'network claims to observe datagram peer endpoints, the capture does not',
    );
  });

  test('describes each dimension once, in order, under the schema of the format', () => {
    expect(problems((coverage) => ({ ...coverage, descriptors: coverage.descriptors.toReversed() }))).toContain(
      'in the order',
    );
    expect(problems(each({ dimension: 'process', completeness: 'exec_only' }))).toContain('not each described once');
    expect(problems(each({ schema: 'other' }))).toContain('the schema is not assay.runner.coverage_descriptor.v0');
  });

  test('goes with the network that health says', () => {
    const dropped = (coverage: RunCoverage): RunCoverage => ({
      ...coverage,
      descriptors: coverage.descriptors.filter(({ dimension }) => dimension !== 'network'),
    });
    expect(problems(dropped)).toBe('network is described as none, but health says connect_only');
  });

  test('of an absent layer is empty', () => {
    const coverage = runCoverage(SPOTTED);
    const health = healthOf(captured({ report: { attribution: 'doubtful' } }));
    expect(coverageProblems(coverage, { health, capture: undefined }).join('\n')).toContain('kernel_layer is absent');
  });

  test('of another version may be worded otherwise, and may claim less', () => {
    const reworded = (coverage: RunCoverage): RunCoverage => ({
      ...coverage,
      descriptors: coverage.descriptors.map((one) => ({
        ...one,
        method: 'otherwise',
        observes: [],
        known_blind_spots: [
          ...one.known_blind_spots.map((spot) => `${spot.split(':')[0] ?? ''}: otherwise`),
          'more: x',
        ],
      })),
    });
    expect(problems(reworded)).toBe('');
    expect(problems(reworded, undefined)).toBe('');
  });
});
