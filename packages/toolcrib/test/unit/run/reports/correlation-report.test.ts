import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  correlate,
  correlationProblems,
  correlationSchema,
  emptyCorrelation,
  type CorrelatedLayers,
} from '../../../../src/run/reports/correlation-report.ts';
import { conformanceFile, needsConformanceSamples } from '../archive/conformance.ts';

const id = fc.constantFrom('tc_1', 'tc_2', 'tc_3', 'é', '😀');
const layers: fc.Arbitrary<CorrelatedLayers> = fc.record({
  kernelEvents: fc.oneof(fc.constant(0), fc.nat()),
  decisions: fc.array(fc.record({ toolCallId: id, decision: fc.constantFrom('allow', 'deny') }), { maxLength: 4 }),
  sdkToolCalls: fc.array(id, { maxLength: 4 }).map((ids) => new Set(ids)),
});
const context = fc.record({
  cgroupId: fc.option(fc.nat(), { nil: undefined }),
  failures: fc.array(fc.constantFrom('cgroup_correlation_failed', 'other'), { maxLength: 2 }),
});

const decided = (...ids: readonly string[]) => ids.map((toolCallId) => ({ toolCallId, decision: 'allow' }));
const noCalls: ReadonlySet<string> = new Set();

describe('the correlation report', () => {
  test('of a run without layers is empty and clean', () => {
    expect(correlate('r', { kernelEvents: 5, decisions: [], sdkToolCalls: new Set(['tc_1']) })).toEqual(
      emptyCorrelation('r'),
    );
  });

  test('binds every decision, also a second one for the same call, to all kernel lines of the whole run', () => {
    const report = correlate('r', { kernelEvents: 7, decisions: decided('tc_1', 'tc_1'), sdkToolCalls: noCalls });
    const binding = {
      tool_call_id: 'tc_1',
      policy_decision: 'allow',
      kernel_event_count: 7,
      window: { start: 'run_started', end: 'run_finished' },
    };
    expect(report).toMatchObject({ status: 'clean', bindings: [binding, binding], ambiguities: [] });
  });

  test('gives the cgroup to one decision, and to none of several', () => {
    const one = correlate('r', { kernelEvents: 1, decisions: decided('a'), sdkToolCalls: noCalls }, { cgroupId: 42 });
    expect(JSON.stringify(one.bindings[0])).toBe(
      '{"tool_call_id":"a","policy_decision":"allow","cgroup_id":42,"kernel_event_count":1,"window":{"start":"run_started","end":"run_finished"}}',
    );
    const two = correlate(
      'r',
      { kernelEvents: 1, decisions: decided('a', 'b'), sdkToolCalls: noCalls },
      { cgroupId: 42 },
    );
    expect(two.status).toBe('partial');
    expect(two.bindings.every((binding) => binding.cgroup_id === undefined)).toBe(true);
    expect(two.ambiguities).toEqual(['session_cgroup_ambiguous_for_multiple_policy_events']);
  });

  test('names what is unclear, the tool calls of the SDK without a decision in the order of code points', () => {
    const calls = new Set(['😀', 'tc_9', '\uffff', 'a']);
    const report = correlate('r', { kernelEvents: 0, decisions: decided('a'), sdkToolCalls: calls });
    expect(report.status).toBe('partial');
    expect(report.ambiguities).toEqual([
      'policy_events_without_kernel_events',
      'sdk_tool_call_without_policy_binding:tc_9',
      'sdk_tool_call_without_policy_binding:\uffff',
      'sdk_tool_call_without_policy_binding:😀',
    ]);
  });

  test('is failed whatever else is unclear, once something failed', () => {
    fc.assert(
      fc.property(layers, context, (some, more) => {
        const { status, ambiguities } = correlate('r', some, more);
        expect(status === 'failed').toBe(more.failures.length > 0);
        expect(status === 'clean').toBe(ambiguities.length === 0);
      }),
    );
  });

  test('fits its schema and its own layers', () => {
    fc.assert(
      fc.property(layers, context, (some, more) => {
        const report = correlate('r', some, more);
        expect(correlationSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(JSON.parse(JSON.stringify(report)));
        expect(correlationProblems(report, some)).toEqual([]);
      }),
    );
  });

  test('never becomes clearer when the kernel layer is taken away', () => {
    fc.assert(
      fc.property(layers, context, (some, more) => {
        const without = correlate('r', { ...some, kernelEvents: 0 }, more);
        const before = correlate('r', some, more);
        expect(without.ambiguities).toEqual(expect.arrayContaining([...before.ambiguities]));
      }),
    );
  });
});

test('the report that other software wrote is reproduced', needsConformanceSamples(), () => {
  const golden: unknown = JSON.parse(
    readFileSync(conformanceFile('golden-correlation-report-openai-agents-kernel-policy-v0.json'), 'utf8'),
  );
  const report = correlate('run_openai_agents_kernel_policy_determinism', {
    kernelEvents: 2,
    decisions: decided('tc_runner_policy_001'),
    sdkToolCalls: new Set(['tc_runner_policy_001']),
  });
  expect(JSON.stringify(report)).toBe(JSON.stringify(golden));
});
