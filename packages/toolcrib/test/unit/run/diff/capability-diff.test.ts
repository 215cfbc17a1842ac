import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { capabilityDiff, type CapabilityDiff, type DiffSide } from '../../../../src/run/diff/capability-diff.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { SURFACE_SETS, surfaceSchema, type CapabilitySurface } from '../../../../src/run/reports/capability-surface.ts';
import { correlationSchema, type CorrelationReport } from '../../../../src/run/reports/correlation-report.ts';
import {
  contractOnlyHealth,
  healthSchema,
  type ObservationHealth,
} from '../../../../src/run/reports/observation-health.ts';
import { conformanceFile, needsConformanceSamples } from '../archive/conformance.ts';
import { fixedKey } from '../fixed.ts';

const WINDOW = { start: 'run_started', end: 'run_finished' };

interface SideParts {
  readonly runId?: string;
  readonly health?: Partial<ObservationHealth>;
  readonly surface?: Partial<CapabilitySurface>;
  readonly bindings?: readonly (readonly [id: string, decision: string | null])[];
  readonly correlation?: Partial<CorrelationReport>;
}

function side({
  runId = 'run_001',
  health,
  surface,
  correlation,
  bindings = [['tc_1', 'allow']],
}: SideParts = {}): DiffSide {
  const measured = { kernel_layer: 'complete', policy_layer: 'present', sdk_layer: 'self_reported' } as const;
  const nothing = contractOnlyHealth(runId, 'linux', createRedactor(fixedKey).summary());
  const sets = { filesystem_paths: ['/a'], network_endpoints: [], process_execs: [], mcp_tools: ['read'] };
  const told = bindings.map(([tool_call_id, policy_decision]) => {
    return { tool_call_id, policy_decision, kernel_event_count: 1, window: WINDOW };
  });
  const report = {
    schema: 'assay.runner.correlation_report.v0',
    run_id: runId,
    status: 'clean',
    ambiguities: [],
  } as const;
  const schema = 'assay.runner.capability_surface.v0';
  return {
    runId,
    health: { ...nothing, ...measured, cgroup_correlation: 'clean', ...health },
    surface: { schema, run_id: runId, ...sets, policy_decisions: ['allow:read'], ...surface },
    correlation: { ...report, bindings: told, ...correlation },
  };
}

describe('the difference of two runs', () => {
  test('of the same golden reports is the golden one', needsConformanceSamples(), () => {
    const read = (name: string): unknown => JSON.parse(readFileSync(conformanceFile(name), 'utf8'));
    const suffix = 'openai-agents-kernel-policy-v0.json';
    const health = healthSchema.parse(read(`golden-observation-health-${suffix}`));
    const surface = surfaceSchema.parse(read(`golden-capability-surface-${suffix}`));
    const correlation = correlationSchema.parse(read(`golden-correlation-report-${suffix}`));
    const golden: DiffSide = { runId: health.run_id, health, surface, correlation };
    const expected = read('golden-capability-diff-s5-idempotent-v0.json');
    expect(capabilityDiff(golden, golden)).toEqual(expected);
    expect(JSON.stringify(capabilityDiff(golden, golden))).toBe(JSON.stringify(expected));
  });

  test('tells what was added, removed and stayed, whatever order the sets come in', () => {
    const base = side({ surface: { filesystem_paths: ['/b', '/a'] } });
    const head = side({ runId: 'run_002', surface: { filesystem_paths: ['/c', '/\u{1f600}', '/\uffee', '/b'] } });
    const diff = capabilityDiff(base, head);
    expect(diff.surface.filesystem_paths).toEqual({
      added: ['/c', '/\uffee', '/\u{1f600}'],
      removed: ['/a'],
      unchanged: ['/b'],
    });
    expect([diff.status, diff.notes, diff.base_run_id, diff.head_run_id]).toEqual(['clean', [], 'run_001', 'run_002']);
  });

  test('tells what a policy decided otherwise about a tool call that both have', () => {
    const base = side({
      bindings: [
        ['tc_1', 'allow'],
        ['tc_2', 'allow'],
      ],
    });
    const head = side({
      bindings: [
        ['tc_1', 'deny'],
        ['tc_3', 'allow'],
      ],
      surface: { policy_decisions: ['deny:read'] },
    });
    const { binding_ids, policy_outcomes, status } = capabilityDiff(base, head);
    expect(binding_ids).toEqual({ added: ['tc_3'], removed: ['tc_2'], unchanged: ['tc_1'] });
    expect(policy_outcomes).toEqual({ changed: [{ tool_call_id: 'tc_1', base: 'allow', head: 'deny' }] });
    expect(status).toBe('clean');
    const denied = side({ bindings: [['tc_1', 'deny']], surface: { policy_decisions: ['deny:read'] } });
    expect(capabilityDiff(side(), denied)).toMatchObject({ status: 'clean', notes: [] });
  });

  test.each<[string, SideParts, string]>([
    ['lost records', { health: { kernel_layer: 'partial_ringbuf_drops', ringbuf_drops: 1 } }, 'partial:health'],
    ['no kernel layer', { health: { kernel_layer: 'absent' } }, 'partial:health'],
    ['partial correlation of the kernel', { health: { cgroup_correlation: 'partial' } }, 'partial:health'],
    ['no policy', { health: { policy_layer: 'absent' } }, 'partial:health'],
    ['no SDK', { health: { sdk_layer: 'absent' } }, 'partial:health'],
    ['an SDK layer of a kind that nobody writes yet', { health: { sdk_layer: 'present' } }, 'partial:health'],
    ['a partial report', { correlation: { status: 'partial', ambiguities: ['x'] } }, 'partial:correlation'],
    ['an ambiguity', { correlation: { ambiguities: ['x'] } }, 'partial:correlation'],
    ['no bindings', { bindings: [] }, 'partial:correlation'],
    ['a binding without an id', { bindings: [['', 'allow']] }, 'partial:correlation'],
    [
      'an id twice',
      {
        bindings: [
          ['a', 'allow'],
          ['a', 'allow'],
        ],
      },
      'partial:correlation',
    ],
    ['invalid health', { health: { ringbuf_drops: 1 } }, 'failed'],
    ['failed correlation of the kernel', { health: { cgroup_correlation: 'failed' } }, 'failed'],
    ['a failed report', { correlation: { status: 'failed' } }, 'failed'],
    ['health of another run', { health: { run_id: 'other' } }, 'failed'],
    ['a surface of another run', { surface: { run_id: 'other' } }, 'failed'],
    ['a report of another run', { correlation: { run_id: 'other' } }, 'failed'],
    ['no run', { runId: '' }, 'failed'],
  ])('with %s on either side, or both, is not clean', (_, parts, status) => {
    expect(capabilityDiff(side(parts), side()).status).toBe(status);
    expect(capabilityDiff(side(), side(parts)).status).toBe(status);
    expect(capabilityDiff(side(parts), side(parts))).toMatchObject({ status, notes: [] });
  });

  test.each(['health', 'surface', 'correlation'] as const)('without %s has failed', (member) => {
    expect(capabilityDiff({ ...side(), [member]: undefined }, side()).status).toBe('failed');
  });

  test('that decides otherwise without another outcome has failed', () => {
    expect(capabilityDiff(side(), side({ surface: { policy_decisions: ['allow:write'] } })).status).toBe('failed');
  });

  const parts: fc.Arbitrary<SideParts> = fc.record({
    surface: fc.record({
      filesystem_paths: fc.array(fc.string({ maxLength: 2 })),
      process_execs: fc.array(fc.constantFrom('/a', '/b')),
    }),
    health: fc.record({ kernel_layer: fc.constantFrom('complete', 'absent') }),
    bindings: fc.array(fc.tuple(fc.constantFrom('a', 'b', ''), fc.constantFrom('allow', 'deny', null)), {
      maxLength: 3,
    }),
  });

  test('of a run with itself has nothing but what stayed, and is called idempotent only when it is clean', () => {
    fc.assert(
      fc.property(parts, (some) => {
        const { status, notes, surface, binding_ids } = capabilityDiff(side(some), side(some));
        for (const name of SURFACE_SETS) expect(surface[name]).toMatchObject({ added: [], removed: [] });
        expect(binding_ids).toMatchObject({ added: [], removed: [] });
        expect(notes.length).toBe(status === 'clean' ? 1 : 0);
      }),
    );
  });

  test('turned around tells the same, the other way', () => {
    const turned = (diff: CapabilityDiff) =>
      [...SURFACE_SETS.map((name) => diff.surface[name]), diff.binding_ids].map(({ added, removed, unchanged }) => ({
        added: removed,
        removed: added,
        unchanged,
      }));
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const [forth, back] = [capabilityDiff(side(one), side(other)), capabilityDiff(side(other), side(one))];
        expect([...SURFACE_SETS.map((name) => back.surface[name]), back.binding_ids]).toEqual(turned(forth));
        expect(back.status).toBe(forth.status);
      }),
    );
  });
});
