import * as z from 'zod/mini';
import { compareCodePoints } from '../../tar/path.ts';

export const CORRELATION_SCHEMA = 'assay.runner.correlation_report.v0';

/** A decision of the policy layer, bound to what the kernel saw in the whole run. */
export interface CorrelationBinding {
  readonly tool_call_id: string;
  readonly policy_decision: string | null;
  readonly cgroup_id?: number | undefined;
  /** All lines of the kernel layer. */
  readonly kernel_event_count: number;
  readonly window: { readonly start: string; readonly end: string };
}

/** How the layers fit together. */
export interface CorrelationReport {
  readonly schema: string;
  readonly run_id: string;
  readonly status: 'clean' | 'partial' | 'failed';
  readonly bindings: readonly CorrelationBinding[];
  readonly ambiguities: readonly string[];
}

/** A run without layers has nothing to bind, and nothing that is unclear. */
export function emptyCorrelation(runId: string): CorrelationReport {
  return { schema: CORRELATION_SCHEMA, run_id: runId, status: 'clean', bindings: [], ambiguities: [] };
}

const count = z.int().check(z.minimum(0));

export const correlationSchema = z.strictObject({
  schema: z.literal(CORRELATION_SCHEMA),
  run_id: z.string(),
  status: z.enum(['clean', 'partial', 'failed']),
  bindings: z.array(
    z.strictObject({
      tool_call_id: z.string(),
      policy_decision: z.nullable(z.string()),
      cgroup_id: z.optional(count),
      kernel_event_count: count,
      window: z.strictObject({ start: z.literal('run_started'), end: z.literal('run_finished') }),
    }),
  ),
  ambiguities: z.array(z.string()),
});

/** What a report is made from. */
export interface CorrelatedLayers {
  /** Lines of the kernel layer. */
  readonly kernelEvents: number;
  readonly decisions: readonly { readonly toolCallId: string; readonly decision: string }[];
  readonly sdkToolCalls: ReadonlySet<string>;
}

/** What is known of a run besides its layers. */
export interface CorrelationContext {
  /** Id of the cgroup v2 that was the run's own; undefined when it had none, or the observer could not tell. */
  readonly cgroupId?: number | undefined;
  /** Codes that say why nothing measured in this run counts. One is enough for `failed`. */
  readonly failures?: readonly string[];
}

/**
 * Binds every decision of the policy layer to the run: the window is the whole run, the count is that of all its kernel
 * lines, because no time in the layers says which call caused which line. Rules: formats.md 6.
 */
export function correlate(
  runId: string,
  layers: CorrelatedLayers,
  { cgroupId, failures = [] }: CorrelationContext = {},
): CorrelationReport {
  const { decisions, kernelEvents } = layers;
  const isShared = cgroupId !== undefined && decisions.length > 1;
  const ambiguities = [
    ...failures,
    ...whenTrue(hasNoKernelEvents(layers), 'policy_events_without_kernel_events'),
    ...whenTrue(isShared, 'session_cgroup_ambiguous_for_multiple_policy_events'),
    ...unboundToolCalls(layers),
  ];
  return {
    schema: CORRELATION_SCHEMA,
    run_id: runId,
    status: failures.length > 0 ? 'failed' : ambiguities.length > 0 ? 'partial' : 'clean',
    bindings: decisions.map(({ toolCallId, decision }) => ({
      tool_call_id: toolCallId,
      policy_decision: decision,
      ...(cgroupId !== undefined && !isShared && { cgroup_id: cgroupId }),
      kernel_event_count: kernelEvents,
      window: { start: 'run_started', end: 'run_finished' },
    })),
    ambiguities,
  };
}

/** Ambiguities that the layers alone imply: formats.md 6. */
export function impliedAmbiguities(layers: CorrelatedLayers): readonly string[] {
  return [...whenTrue(hasNoKernelEvents(layers), 'policy_events_without_kernel_events'), ...unboundToolCalls(layers)];
}

function whenTrue(condition: boolean, code: string): readonly string[] {
  return condition ? [code] : [];
}

function hasNoKernelEvents({ decisions, kernelEvents }: CorrelatedLayers): boolean {
  return decisions.length > 0 && kernelEvents === 0;
}

/** Without a policy layer there is nothing to bind to. */
function unboundToolCalls({ decisions, sdkToolCalls }: CorrelatedLayers): readonly string[] {
  if (decisions.length === 0) return [];
  const bound = new Set(decisions.map((decision) => decision.toolCallId));
  return [...sdkToolCalls]
    .filter((id) => !bound.has(id))
    .sort(compareCodePoints)
    .map((id) => `sdk_tool_call_without_policy_binding:${id}`);
}

/** Where a report says something else than its layers, one sentence each. Ambiguities beyond the implied ones stand. */
export function correlationProblems(report: CorrelationReport, layers: CorrelatedLayers): readonly string[] {
  const problems: string[] = [];
  if (report.status === 'clean' && report.ambiguities.length > 0) {
    problems.push(`status is clean, but there are ${report.ambiguities.length} ambiguities`);
  }
  if (report.status === 'partial' && report.ambiguities.length === 0) {
    problems.push('status is partial, but no ambiguity says why');
  }
  const told = new Set(report.ambiguities);
  for (const code of impliedAmbiguities(layers)) {
    if (!told.has(code)) problems.push(`the layers imply the ambiguity ${JSON.stringify(code.slice(0, 200))}`);
  }
  return [...problems, ...bindingProblems(report.bindings, layers)];
}

function bindingProblems(bindings: readonly CorrelationBinding[], layers: CorrelatedLayers): readonly string[] {
  if (bindings.length !== layers.decisions.length) {
    return [`there are ${bindings.length} bindings for ${layers.decisions.length} decisions of the policy layer`];
  }
  const withCgroup = bindings.filter((binding) => binding.cgroup_id !== undefined).length;
  const problems = bindings.flatMap((binding, index) => bindingProblem(binding, index, layers) ?? []);
  if (withCgroup > 0 && bindings.length > 1) problems.push('a cgroup id cannot belong to one of several decisions');
  return problems;
}

function bindingProblem(binding: CorrelationBinding, index: number, layers: CorrelatedLayers): string | undefined {
  const decision = layers.decisions[index];
  if (binding.tool_call_id !== decision?.toolCallId || binding.policy_decision !== decision.decision) {
    return `binding ${index} is not decision ${index} of the policy layer`;
  }
  if (binding.kernel_event_count === layers.kernelEvents) return undefined;
  return `binding ${index} counts ${binding.kernel_event_count} kernel events, the layer has ${layers.kernelEvents}`;
}
