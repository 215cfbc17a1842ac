import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ArchiveMember } from '../../../../src/run/archive/paths.ts';
import { verifyArchive, type ArchiveInspection } from '../../../../src/run/archive/verify.ts';
import { archiveBytes, sealArchive } from '../../../../src/run/archive/write.ts';
import type { CaptureRecord } from '../../../../src/run/reports/capture-record.ts';
import { kernelHealth } from '../../../../src/run/reports/kernel-health.ts';
import { runCoverage, type RunCoverage } from '../../../../src/run/reports/run-coverage.ts';
import { captured, type Captured } from '../captured.ts';
import { changed, executed, opened } from '../observed.ts';
import { sampleMembers } from './sample-archive.ts';
import { PLACEMENT } from '../placement.ts';

/** The lines of {@link CAPTURE}. */
const KERNEL = [
  { type: 1, kind: 'openat', value: '/srv/a' },
  { type: 4, kind: 'exec', value: '/bin/true' },
];
const SDK_LOG = [{ layer: 'sdk', command_could_write: true, because: [] }] as const;

const CAPTURE = captured({ calls: [opened('/srv/a'), executed('/bin/true')] });

interface OwnMembers {
  readonly capture?: unknown;
  readonly coverage?: unknown;
  readonly injection?: unknown;
  readonly effects?: string;
  readonly raw?: string;
}

/** An archive whose layers are those of {@link CAPTURE}, with these members of ours. */
async function inspect({ capture, coverage, injection, effects, raw }: OwnMembers) {
  const members = sampleMembers({
    kernel: KERNEL,
    health: { ...kernelHealth(CAPTURE), notes: [] },
    replace: {
      ...(capture !== undefined && { 'toolcrib/capture.json': JSON.stringify(capture) }),
      ...(coverage !== undefined && { 'toolcrib/coverage.json': JSON.stringify(coverage) }),
      ...(injection !== undefined && { 'toolcrib/injection.json': JSON.stringify(injection) }),
      ...(effects !== undefined && { 'toolcrib/effects.ndjson': effects }),
      ...(raw !== undefined && { 'toolcrib/kernel-raw.ndjson': raw }),
    },
  });
  return await verifyArchive(archiveBytes(members));
}

const whole = { capture: CAPTURE, coverage: runCoverage(CAPTURE) };

function withDescriptor(change: Partial<RunCoverage['descriptors'][number]>): RunCoverage {
  const { descriptors, ...rest } = runCoverage(CAPTURE);
  return { ...rest, descriptors: descriptors.map((each, index) => (index === 0 ? { ...each, ...change } : each)) };
}

const injection = {
  schema: 'toolcrib.injection.v0',
  run_id: 'run_001',
  ...PLACEMENT,
  anchor: { pid: 1, cgroup_id: 2 },
};

describe('members of our own', () => {
  test('verify where they agree with the layers, and say what may be claimed', async () => {
    const { findings, unchecked, undescribed, claims } = await inspect({ ...whole, injection });
    expect([findings, unchecked, undescribed]).toEqual([[], [], false]);
    expect(claims?.measured.find((each) => each.class === 'path opens')?.positive.decision).toBe('allowed');
  });

  test('are not needed: an archive without them verifies, and less may be claimed from it', async () => {
    const { findings, undescribed, claims } = await inspect({});
    expect(undescribed).toBe(true);
    expect(findings).toEqual([]);
    expect(claims?.measured.find((each) => each.class === 'path opens')?.positive.decision).toBe('blocked');
  });

  const lines = { kernel: 3, effects: 0, raw: 0 };
  const normaliser = CAPTURE.normaliser && { ...CAPTURE.normaliser, lines };
  const other: CaptureRecord = { ...CAPTURE, normaliser };
  test.each<[string, OwnMembers]>([
    ['counts other lines than there are', { ...whole, capture: other }],
    ['was captured in a way that health does not follow from', { ...whole, capture: { ...CAPTURE, tier: 'ptrace' } }],
    ['tells a loss that health does not', { ...whole, capture: { ...CAPTURE, ended_early: true } }],
    ['claims to have seen everything', { ...whole, coverage: withDescriptor({ completeness: 'full' }) }],
    ['leaves out a blind spot', { ...whole, coverage: withDescriptor({ known_blind_spots: [] }) }],
    ['has effects that the capture does not count', { ...whole, effects: effect('run_001') }],
    ['watched a sandbox in which nothing showed itself', { ...whole, injection: { ...injection, anchor: null } }],
  ])('are refused where the archive %s', async (_, members) => {
    expect((await inspect(members)).findings.map(({ rule }) => rule)).toContain('capture');
  });

  test('are refused where the capture forgets a blind spot that the effects tell', async () => {
    const call = changed('mount', [{ given: '/etc' }, { given: '/lib/zz' }]);
    const mounted = captured({ calls: [opened('/srv/a'), executed('/bin/true'), call] });
    const forgot = { ...mounted, normaliser: mounted.normaliser && { ...mounted.normaliser, blind_spots: {} } };
    const effects = effect('run_001', 'mount');
    const messagesOf = async (capture: CaptureRecord): Promise<readonly string[]> => {
      const { findings } = await inspect({ capture, effects, coverage: runCoverage(capture) });
      return findings.map(({ message }) => message);
    };
    expect(await messagesOf(mounted)).toEqual([]);
    expect(await messagesOf(forgot)).toEqual(['it counts the blind spot mount 0 times, the effects 1 times']);
  });

  test.each<[string, OwnMembers]>([
    ['toolcrib/coverage.json', { coverage: runCoverage(CAPTURE) }],
    ['toolcrib/injection.json', { injection }],
    ['toolcrib/effects.ndjson', { effects: '' }],
    ['toolcrib/kernel-raw.ndjson', { raw: '' }],
  ])('are refused where the capture was taken out and %s was left', async (path, members) => {
    const { findings } = await inspect(members);
    expect(findings).toEqual([
      { rule: 'capture', member: 'toolcrib/capture.json', message: `it is not in the archive, which has ${path}` },
    ]);
  });

  test.each<[string, OwnMembers, string]>([
    ['a capture with another key', { capture: { ...CAPTURE, more: 1 } }, 'schema'],
    ['a coverage of another run', { coverage: { ...runCoverage(CAPTURE), run_id: 'run_002' } }, 'run_id'],
    ['effects of another run', { effects: effect('run_002') }, 'run_id'],
    ['effects that are none', { effects: '{}\n' }, 'schema'],
    ['an injection without a digest', { injection: { ...injection, digest: '' } }, 'schema'],
  ])('are refused: %s', async (_, members, rule) => {
    expect((await inspect(members)).findings.map((finding) => finding.rule)).toContain(rule);
  });
});

describe('members that are taken out', () => {
  const log = (command_could_write: boolean) => [{ layer: 'policy' as const, command_could_write, because: [] }];
  const calls = [opened('/srv/a'), executed('/bin/true')];
  const runs: readonly Captured[] = [
    { calls },
    { calls, report: { endedEarly: true } },
    { calls, tier: 'ptrace' },
    { report: { attribution: 'doubtful' } },
  ];

  function recorded(run: Captured, hasShim: boolean): readonly ArchiveMember[] {
    const record = captured(run);
    const lines = record.normaliser?.lines.kernel === 0 ? [] : KERNEL;
    const isThere = { run_id: 'run_001', descriptors: [] };
    return sampleMembers({
      kernel: lines,
      decisions: [{ id: 'call_1', tool: 'read', decision: 'allow' }],
      ...(hasShim && { agentShim: 'openai-agents', sdkCalls: [{ id: 'call_1', tool: 'read' }] }),
      health: { ...kernelHealth(record), notes: [] },
      replace: {
        'toolcrib/capture.json': JSON.stringify(record),
        'toolcrib/coverage.json': JSON.stringify({ ...runCoverage(record), ...(lines.length === 0 && isThere) }),
        'toolcrib/effects.ndjson': '',
        'toolcrib/injection.json': JSON.stringify({ ...injection, ...(lines.length === 0 && { anchor: null }) }),
        'toolcrib/outcome.json': JSON.stringify({ spawn_error: null, timed_out: true }),
      },
    }).filter(({ path }) => path !== 'manifest.json');
  }

  const OWN = ['capture.json', 'coverage.json', 'effects.ndjson', 'injection.json', 'outcome.json'];

  test('raise no claim where the archive is accepted without them', async () => {
    const taken = fc.oneof(fc.constant(OWN), fc.subarray(OWN), fc.subarray([...OWN, 'policy.ndjson', 'sdk.ndjson']));
    const run = fc.record({ run: fc.constantFrom(...runs), isOwn: fc.boolean(), hasShim: fc.boolean(), taken });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(run, async ({ run, isOwn, hasShim, taken }) => {
        const members = recorded({ ...run, logs: [...log(isOwn), ...(hasShim ? SDK_LOG : [])] }, hasShim);
        const whole = await verifyArchive(archiveBytes(sealArchive('run_001', members)));
        expect(whole.findings).toEqual([]);
        const left = members.filter(({ path }) => !taken.some((name) => path.endsWith(`/${name}`)));
        const less = await verifyArchive(archiveBytes(sealArchive('run_001', left)));
        if (less.findings.length > 0) return;
        accepted += 1;
        const before = decisionsOf(whole);
        for (const [index, decision] of decisionsOf(less).entries()) {
          expect(RANKS.indexOf(decision)).toBeLessThanOrEqual(RANKS.indexOf(before[index] ?? 'blocked'));
        }
      }),
      { numRuns: 50 },
    );
    expect(accepted).toBeGreaterThan(10);
  });

  const RANKS = ['blocked', 'degraded', 'allowed'];

  function decisionsOf({ claims }: ArchiveInspection): readonly string[] {
    if (claims === undefined) return [];
    const measured = claims.measured.flatMap(({ positive, exhaustive, absence }) => [positive, exhaustive, absence]);
    return [...measured, claims.reported.policy, claims.reported.sdk, claims.per_binding].map((one) => one.decision);
  }
});

function effect(run_id: string, call = 'unlink'): string {
  const event = { schema: 'toolcrib.effect.v1', run_id, seq: 0, pid: 1, kind: 'effect', call };
  return `${JSON.stringify(event)}\n`;
}
