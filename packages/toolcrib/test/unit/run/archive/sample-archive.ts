import type { KeyObject } from 'node:crypto';
import { archiveBytes, sealArchive } from '../../../../src/run/archive/write.ts';
import { signManifest } from '../../../../src/run/archive/manifest-signature.ts';
import type { ArchiveMember } from '../../../../src/run/archive/paths.ts';
import { createSurfaceBuilder } from '../../../../src/run/reports/capability-surface.ts';
import type { CorrelationReport } from '../../../../src/run/reports/correlation-report.ts';
import {
  contractOnlyHealth,
  formatHealth,
  type ObservationHealth,
} from '../../../../src/run/reports/observation-health.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { runFinished, runStarted } from '../../../../src/run/layers/run-event.ts';
import { createRunSpec } from '../../../../src/run/run-spec.ts';
import { fixedKey, fixedRandom } from '../fixed.ts';

/** What a sample is made from; everything else follows from it unless `replace` says otherwise. */
export interface SampleParts {
  readonly runId?: string;
  readonly command?: readonly string[];
  readonly agentShim?: string;
  readonly kernel?: readonly { readonly type: number; readonly kind: string; readonly value: string | null }[];
  readonly decisions?: readonly { readonly id: string; readonly tool: string; readonly decision: string }[];
  readonly sdkCalls?: readonly { readonly id: string; readonly tool: string }[];
  readonly health?: Partial<ObservationHealth>;
  readonly correlation?: Partial<CorrelationReport>;
  /** Members that get another content than they should, by path; undefined takes them away. */
  readonly replace?: Readonly<Record<string, string | undefined>>;
}

/** Members of an archive with whatever layers a test needs, sealed, and signed when there is a key. */
export function sampleMembers(parts: SampleParts = {}, key?: KeyObject): readonly ArchiveMember[] {
  const { runId = 'run_001', kernel = [], decisions = [], sdkCalls = [], agentShim = 'none' } = parts;
  const spec = createRunSpec(parts.command ?? ['true'], { platform: 'linux', random: fixedRandom, runId, agentShim });
  const end = { exit_code: 0, signal: null, success: true, window_elapsed_ms: 7 };
  const surface = createSurfaceBuilder();
  for (const { kind, value } of kernel) surface.addKernelEvent(kind, value);
  for (const { tool, decision } of decisions) surface.addDecision(tool, decision);
  const health: ObservationHealth = {
    ...contractOnlyHealth(runId, 'linux', createRedactor(fixedKey).summary()),
    ...(decisions.length > 0 && { policy_layer: 'present' }),
    ...(sdkCalls.length > 0 && { sdk_layer: 'self_reported' }),
    ...parts.health,
  };
  const texts: Record<string, string | undefined> = {
    'capability-surface.json': JSON.stringify(surface.build(runId)),
    'correlation-report.json': JSON.stringify({ ...correlationOf(parts, runId), ...parts.correlation }),
    'events.ndjson': lines([runStarted(spec, { command: spec.command, envKeys: [] }), runFinished(runId, end)]),
    'layers/kernel.ndjson': lines(
      kernel.map(({ type, kind, value }, seq) => ({
        schema: 'assay.runner.kernel_event.v0',
        run_id: runId,
        seq,
        pid: 41,
        event_type: type,
        kind,
        value,
      })),
    ),
    'layers/policy.ndjson': lines(
      decisions.map(({ id, tool, decision }, seq) => ({
        schema: 'assay.runner.policy_event.v0',
        run_id: runId,
        seq,
        source_event_type: 'assay.tool.decision',
        source: 'gate',
        tool_call_id: id,
        tool,
        decision,
      })),
    ),
    'layers/sdk.ndjson': lines(
      sdkCalls.map(({ id, tool }, seq) => ({
        schema: 'assay.runner.sdk_event.v0',
        run_id: runId,
        seq,
        event_type: 'tool_call_started',
        source: 'agent',
        sdk_name: null,
        sdk_version: null,
        tool_call_id: id,
        tool,
      })),
    ),
    'observation-health.json': formatHealth(health),
    ...parts.replace,
  };
  return sealArchive(
    runId,
    Object.entries(texts).flatMap(([path, text]) => (text === undefined ? [] : [{ path, bytes: Buffer.from(text) }])),
    key && ((signed) => signManifest(signed, key)),
  );
}

function correlationOf(parts: SampleParts, runId: string): CorrelationReport {
  const { kernel = [], decisions = [], sdkCalls = [] } = parts;
  const bound = new Set(decisions.map(({ id }) => id));
  const unbound =
    decisions.length === 0 ? [] : [...new Set(sdkCalls.map(({ id }) => id))].filter((id) => !bound.has(id));
  const ambiguities = [
    ...(decisions.length > 0 && kernel.length === 0 ? ['policy_events_without_kernel_events'] : []),
    ...unbound.map((id) => `sdk_tool_call_without_policy_binding:${id}`),
  ];
  return {
    schema: 'assay.runner.correlation_report.v0',
    run_id: runId,
    status: ambiguities.length === 0 ? 'clean' : 'partial',
    bindings: decisions.map(({ id, decision }) => ({
      tool_call_id: id,
      policy_decision: decision,
      kernel_event_count: kernel.length,
      window: { start: 'run_started', end: 'run_finished' },
    })),
    ambiguities,
  };
}

function lines(values: readonly object[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

/** The bytes of an archive file with these members. */
export async function packed(members: readonly ArchiveMember[]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of archiveBytes(members)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A sample with everything in it: layers of all three kinds, bound to each other. */
export const fullSample: SampleParts = {
  agentShim: 'openai-agents',
  kernel: [
    { type: 1, kind: 'openat', value: '/tmp/input' },
    { type: 2, kind: 'connect', value: '1.2.3.4:80' },
    { type: 4, kind: 'exec', value: '/usr/bin/id' },
    { type: 6, kind: 'sendto', value: '[::1]:53' },
    { type: 7, kind: 'sendmsg', value: '1.2.3.4:53' },
    { type: 10, kind: 'file_blocked', value: '/etc/shadow' },
    { type: 20, kind: 'connect_blocked', value: '5.6.7.8:25' },
    { type: 99, kind: 'event_99', value: null },
  ],
  decisions: [{ id: 'call_1', tool: 'read_file', decision: 'allow' }],
  sdkCalls: [{ id: 'call_1', tool: 'read_file' }],
  health: {
    kernel_layer: 'complete',
    cgroup_correlation: 'clean',
    network_protocol_coverage: 'connect_and_datagram_peer_observed',
    network_endpoint_claim_scope: 'diagnostic_only',
    notes: [],
  },
};
