import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ObservedCall } from '../../../../src/run/observe/observed-call.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import type { CaptureRecord } from '../../../../src/run/reports/capture-record.ts';
import { claimReport, type ClaimDecision, type ClaimReport } from '../../../../src/run/reports/claim-gate.ts';
import { coverageDecision } from '../../../../src/run/reports/coverage-descriptor.ts';
import { healthOfRun } from '../../../../src/run/reports/kernel-health.ts';
import { runCoverage, type RunCoverage } from '../../../../src/run/reports/run-coverage.ts';
import { anyCaptured, captured, lost, type Captured } from '../captured.ts';
import { fixedKey } from '../fixed.ts';
import { blindSpot, connected, HOST, opened, sent } from '../observed.ts';

const LAYERS = { policyEvents: 1, sdkEvents: 1, notes: [] };

function claims(capture: CaptureRecord, coverage: RunCoverage | undefined = runCoverage(capture)): ClaimReport {
  const redaction = createRedactor(fixedKey).summary();
  const health = healthOfRun({ runId: 'run_001', platform: 'linux', redaction, capture, ...LAYERS });
  return claimReport({ health, coverage, capture });
}

const APART = { layer: 'policy', command_could_write: false, because: ['it belongs to another user'] } as const;

function told(run: Captured): Readonly<Record<string, string>> {
  return decisions(claims(captured({ logs: [APART], ...run })));
}

function decisions({ measured, reported, per_binding }: ClaimReport): Readonly<Record<string, string>> {
  const each = measured.map((one) => {
    const { positive, exhaustive, absence } = one;
    return [one.class, [positive, exhaustive, absence].map(({ decision }) => decision).join(' ')] as const;
  });
  const others = { policy: reported.policy.decision, sdk: reported.sdk.decision, binding: per_binding.decision };
  return { ...Object.fromEntries(each), ...others };
}

const NETWORK = [connected(HOST), sent('sendto', HOST)];

describe('what may be claimed', () => {
  test('of a run that eBPF saw whole: what happened, and with reservations that it is all', () => {
    expect(told({ calls: NETWORK })).toEqual({
      'path opens': 'allowed degraded blocked',
      'path effects': 'allowed degraded blocked',
      'connect-time peer endpoints': 'allowed degraded blocked',
      'datagram peer endpoints': 'allowed degraded blocked',
      'bind and accept endpoints': 'allowed degraded blocked',
      'process exec targets': 'allowed degraded blocked',
      policy: 'allowed',
      sdk: 'allowed',
      binding: 'allowed',
    });
  });

  test('of a run that lost records: less of all of it', () => {
    expect(told({ calls: NETWORK, report: { accounts: lost(1) } })).toMatchObject({
      'path opens': 'degraded blocked blocked',
      'process exec targets': 'degraded blocked blocked',
    });
  });

  test('of a run by ptrace: nothing by tool call', () => {
    expect(told({ tier: 'ptrace' })).toMatchObject({ 'path opens': 'degraded blocked blocked', binding: 'blocked' });
  });

  test('of a run that nothing observed for sure: what was reported', () => {
    expect(told({ calls: NETWORK, report: { attribution: 'doubtful' } })).toMatchObject({
      'path opens': 'blocked blocked blocked',
      'connect-time peer endpoints': 'blocked blocked blocked',
      policy: 'allowed',
    });
  });

  test('of endpoints: only of the kind that was seen', () => {
    expect(told({ calls: [connected(HOST)] })).toMatchObject({
      'connect-time peer endpoints': 'allowed degraded blocked',
      'datagram peer endpoints': 'degraded degraded blocked',
    });
    expect(told({})['connect-time peer endpoints']).toBe('blocked blocked blocked');
  });

  test('of a run without endpoints: none, because none was seen, not because nobody watched', () => {
    const [network] = claims(captured({ calls: [] })).measured.filter(({ dimension }) => dimension === 'network');
    expect(network?.absence.reasons.map(({ text }) => text)).toEqual([expect.stringContaining('no call came')]);
  });

  test('of a policy log that the command could have written: nothing, also not by tool call', () => {
    const logs = [
      { layer: 'policy', command_could_write: true, because: ['its owner is that of the command'] },
    ] as const;
    const report = claims(captured({ logs }));
    expect(report.reported.policy).toEqual({
      decision: 'blocked',
      reasons: [{ rule: 'policy_log_writable_by_command', text: 'its owner is that of the command' }],
    });
    expect(decisions(report)).toMatchObject({ binding: 'blocked', sdk: 'allowed' });
  });

  test('of a policy log that nobody tells the author of: nothing, also not by tool call', () => {
    expect(told({ logs: [] })).toMatchObject({ policy: 'blocked', binding: 'blocked' });
    const health = healthOfRun({
      ...{ runId: 'run_001', platform: 'linux', redaction: createRedactor(fixedKey).summary(), ...LAYERS },
      capture: captured(),
    });
    expect(decisions(claimReport({ health, coverage: undefined, capture: undefined }))).toMatchObject({
      'path opens': 'blocked blocked blocked',
      policy: 'blocked',
      sdk: 'allowed',
    });
  });

  test('tells what stands in the way', () => {
    const { measured } = claims(captured({ calls: [blindSpot('io_uring_setup')], report: { accounts: lost(2) } }));
    const opens = measured.find((one) => one.class === 'path opens');
    expect(opens?.positive.reasons).toEqual([
      { rule: 'ringbuf_drops_block_bounded_negative_claims', text: 'ringbuf_drops is 2' },
    ]);
    expect(opens?.absence.reasons.map(({ rule }) => rule)).toEqual([
      'ringbuf_drops_block_bounded_negative_claims',
      'coverage_descriptor_blocks_absence_claim',
    ]);
    expect(opens?.absence.reasons[1]?.text).toMatch(/io_uring_setup: .* \(once\)|lost_records: 2 records/);
  });

  test('of another writer that describes no coverage: nothing as measured', () => {
    expect(
      decisions(claims(captured(), { schema: 'toolcrib.coverage.v1', run_id: 'run_001', descriptors: [] })),
    ).toMatchObject({
      'path opens': 'blocked blocked blocked',
    });
  });
});

describe('a claim', () => {
  test('about what is described twice is blocked: none of both can be taken for the right one', () => {
    const whole = runCoverage(captured());
    const doubled = { ...whole, descriptors: [...whole.descriptors, ...whole.descriptors] };
    expect(decisions(claims(captured(), doubled))['path opens']).toBe('blocked blocked blocked');
  });

  const RANKS = ['blocked', 'degraded', 'allowed'];

  function isNotStronger(weaker: ClaimReport, than: ClaimReport): void {
    const [low, high] = [flat(weaker), flat(than)];
    expect([...low.keys()]).toEqual([...high.keys()]);
    for (const [name, { decision }] of low) {
      const limit = high.get(name)?.decision ?? 'blocked';
      expect(RANKS.indexOf(decision), name).toBeLessThanOrEqual(RANKS.indexOf(limit));
    }
  }

  function flat({ measured, reported, per_binding }: ClaimReport): ReadonlyMap<string, ClaimDecision> {
    return new Map([
      ...measured.flatMap((one) =>
        (['positive', 'exhaustive', 'absence'] as const).map((kind) => [`${kind} ${one.class}`, one[kind]] as const),
      ),
      ['policy', reported.policy],
      ['sdk', reported.sdk],
      ['binding', per_binding],
    ]);
  }

  function without(calls: readonly ObservedCall[], index: number): readonly ObservedCall[] {
    return calls.filter((_, place) => place !== index);
  }

  test('does not get stronger when calls are dropped, whether that is counted or not', () => {
    fc.assert(
      fc.property(anyCaptured, fc.nat(5), fc.nat(1), (run, index, counted) => {
        const calls = without(run.calls ?? [], index);
        const accounts = [
          ...(run.report?.accounts ?? []),
          { hook: 'x', emitted: 0, dropped: counted, unreadable: 0, missed: 0 },
        ];
        // A call that could not be read was counted as a loss: without it there is less that was lost.
        const unread = captured(run).normaliser?.unreadable;
        fc.pre(counted === 1 || (unread?.paths === 0 && unread.addresses === 0));
        isNotStronger(claims(captured({ ...run, calls, report: { ...run.report, accounts } })), claims(captured(run)));
      }),
    );
  });

  test('does not get stronger when a description is taken away', () => {
    fc.assert(
      fc.property(anyCaptured, fc.nat(2), (run, index) => {
        const record = captured(run);
        const whole = runCoverage(record);
        const descriptors = whole.descriptors.filter((_, place) => place !== index);
        isNotStronger(claims(record, { ...whole, descriptors }), claims(record));
      }),
    );
  });

  test('does not get stronger when a description is doubled, of another schema, or observes less', () => {
    fc.assert(
      fc.property(anyCaptured, fc.constantFrom('doubled', 'foreign', 'less'), (run, change) => {
        const record = captured(run);
        const whole = runCoverage(record);
        const descriptors =
          change === 'doubled'
            ? [...whole.descriptors, ...whole.descriptors]
            : whole.descriptors.map((one) =>
                change === 'less' ? { ...one, observes: [] } : { ...one, schema: 'other' },
              );
        isNotStronger(claims(record, { ...whole, descriptors }), claims(record));
      }),
    );
  });

  test('does not get stronger when the attribution is lost, the observer died, or processes lived on', () => {
    fc.assert(
      fc.property(
        anyCaptured,
        fc.constantFrom({ attribution: 'doubtful' } as const, { endedEarly: true }, { survivors: 3 }),
        (run, change) => {
          isNotStronger(claims(captured({ ...run, report: { ...run.report, ...change } })), claims(captured(run)));
        },
      ),
    );
  });

  test('that nothing else happened is never allowed: every dimension of every run has something that is not seen', () => {
    fc.assert(
      fc.property(anyCaptured, (run) => {
        for (const { exhaustive, absence } of claims(captured(run)).measured) {
          expect(exhaustive.decision).not.toBe('allowed');
          expect(absence.decision).toBe('blocked');
        }
      }),
    );
  });

  test('does not depend on the order of the calls', () => {
    fc.assert(
      fc.property(anyCaptured, (run) => {
        const back = { ...run, calls: [...(run.calls ?? [])].reverse() };
        expect(JSON.stringify(claims(captured(back)))).toBe(JSON.stringify(claims(captured(run))));
      }),
    );
  });
});

describe('a description', () => {
  test('of another schema blocks, and a class without a name was observed by nobody', () => {
    const [filesystem] = runCoverage(captured()).descriptors;
    const foreign = filesystem && { ...filesystem, schema: 'other' };
    expect(coverageDecision(foreign, 'positive', 'path opens')).toMatchObject({
      decision: 'blocked',
      rule: 'coverage_descriptor_schema_mismatch',
    });
    expect(coverageDecision(filesystem, 'positive', ' ').decision).toBe('degraded');
    expect(coverageDecision(filesystem, 'positive', 'PATH OPENS').decision).toBe('allowed');
  });

  test('that is full and has no blind spot allows every claim', () => {
    const [filesystem] = runCoverage(captured()).descriptors;
    const full = filesystem && { ...filesystem, completeness: 'full' as const, known_blind_spots: [] };
    for (const kind of ['exhaustive', 'absence'] as const) {
      expect(coverageDecision(full, kind, 'path opens').decision).toBe('allowed');
      const spotted = full && { ...full, known_blind_spots: ['x: y'] };
      expect(coverageDecision(spotted, kind, 'path opens').decision).not.toBe('allowed');
    }
  });
});

describe('the coverage of a run', () => {
  const spots = (calls: readonly ObservedCall[]): Readonly<Record<string, readonly string[]>> =>
    Object.fromEntries(
      runCoverage(captured({ calls })).descriptors.map(({ dimension, known_blind_spots }) => [
        dimension,
        known_blind_spots.map((spot) => spot.split(':')[0] ?? ''),
      ]),
    );

  test('names a way around only where it was taken, and where it matters', () => {
    expect(JSON.stringify(spots(NETWORK))).not.toContain('io_uring');
    const seen = spots([...NETWORK, blindSpot('io_uring_setup')]);
    expect(seen['filesystem']).toContain('io_uring_setup');
    expect(seen['network']).toContain('io_uring_setup');
    expect(seen['process']).not.toContain('io_uring_setup');
  });

  test('takes a call that it does not know as one that matters everywhere', () => {
    for (const codes of Object.values(spots([...NETWORK, blindSpot('new_call')]))) expect(codes).toContain('new_call');
  });

  test('always says that another thread can change what a call names while it is read', () => {
    const codes = Object.values(spots(NETWORK));
    expect(codes.length).toBe(3);
    for (const each of codes) expect(each).toContain('thread_races');
  });

  test('names opens that were hidden although they led elsewhere', () => {
    expect(spots([opened('/lib/../home/a')])['filesystem']).toContain('hidden_elsewhere');
  });
});
