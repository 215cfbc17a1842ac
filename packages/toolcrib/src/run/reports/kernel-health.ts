import { countTamperings } from '../../core/tampering-calls.ts';
import type { RedactionSummary } from '../redaction/redactor.ts';
import { isAttributed, lostRecords, type CaptureRecord } from './capture-record.ts';
import { contractOnlyHealth, type ObservationHealth } from './observation-health.ts';

/** The fields of health that say how the kernel was observed. */
export type KernelHealth = Pick<
  ObservationHealth,
  'kernel_layer' | 'ringbuf_drops' | 'cgroup_correlation' | 'network_protocol_coverage' | 'network_endpoint_claim_scope'
>;

const ABSENT: KernelHealth = {
  kernel_layer: 'absent',
  ringbuf_drops: 0,
  cgroup_correlation: 'partial',
  network_protocol_coverage: 'absent',
  network_endpoint_claim_scope: 'not_applicable',
};

/**
 * What the record of a capture allows health to say: formats.md 6. Without proven attribution the layer is absent; lost
 * records, an early end, survivors, whose calls nobody saw from then on, and what could change an observer in the kernel make it
 * partial; only the eBPF tracer follows the run's tasks themselves, so ptrace correlates partially.
 */
export function kernelHealth(record: CaptureRecord): KernelHealth {
  if (!isAttributed(record)) return ABSENT;
  const lost = lostRecords(record);
  const isWhole = gapsOf(record).length === 0;
  const coverage = networkCoverage(record, isWhole);
  return {
    kernel_layer: isWhole ? 'complete' : 'partial_ringbuf_drops',
    ringbuf_drops: lost,
    cgroup_correlation: record.tier === 'ebpf' ? 'clean' : 'partial',
    network_protocol_coverage: coverage,
    network_endpoint_claim_scope: scopeOf(coverage),
  };
}

/** What keeps an attributed layer from being complete, in a few words each. */
export function gapsOf(record: CaptureRecord): readonly string[] {
  const lost = lostRecords(record);
  return [
    ...(lost > 0 ? [`${lost} records lost`] : []),
    ...(record.ended_early ? ['ended early'] : []),
    ...((record.survivors ?? 0) > 0 ? [`survivors: ${record.survivors}`] : []),
    ...(tamperings(record) > 0 ? ['tampering'] : []),
  ];
}

function tamperings({ normaliser }: CaptureRecord): number {
  return countTamperings(normaliser?.blind_spots);
}

/** From what was seen, not from what was watched for. Nothing seen among losses, or among peers of other families, says nothing. */
function networkCoverage(
  { normaliser }: CaptureRecord,
  isWhole: boolean,
): ObservationHealth['network_protocol_coverage'] {
  const { connect = 0, sendto = 0, sendmsg = 0 } = normaliser?.endpoints ?? {};
  const hasDatagrams = sendto + sendmsg > 0;
  if (connect > 0) return hasDatagrams ? 'connect_and_datagram_peer_observed' : 'connect_only';
  if (hasDatagrams) return 'datagram_peer_observed';
  const { non_ip_connect = 0, non_ip_send = 0 } = normaliser?.blind_spots ?? {};
  return isWhole && non_ip_connect + non_ip_send === 0 ? 'absent' : 'unknown';
}

function scopeOf(
  coverage: ObservationHealth['network_protocol_coverage'],
): KernelHealth['network_endpoint_claim_scope'] {
  if (coverage === 'unknown') return 'unknown';
  return coverage === 'absent' ? 'not_applicable' : 'diagnostic_only';
}

/** What health is made from. */
export interface HealthFacts {
  readonly runId: string;
  /** In Rust's words. */
  readonly platform: string;
  readonly redaction: RedactionSummary;
  /** Undefined for a run that nothing was to observe. */
  readonly capture: CaptureRecord | undefined;
  /** Lines of the layers. */
  readonly policyEvents: number;
  readonly sdkEvents: number;
  /** Of the layers, in the order in which they were applied. */
  readonly notes: readonly string[];
}

/** The health of a run. */
export function healthOfRun(facts: HealthFacts): ObservationHealth {
  const { runId, platform, redaction, capture, policyEvents, sdkEvents, notes } = facts;
  const nothing = contractOnlyHealth(runId, platform, redaction);
  const isObserved = platform === 'linux' && capture !== undefined && capture.tier !== 'none';
  const kernel = isObserved ? kernelHealth(capture) : ABSENT;
  const kernelNotes = isObserved ? [kernelCaptureNote(capture)] : nothing.notes;
  return {
    ...nothing,
    ...kernel,
    policy_layer: policyEvents > 0 ? 'present' : 'absent',
    sdk_layer: sdkEvents > 0 ? 'self_reported' : 'absent',
    notes: [...kernelNotes, ...notes],
  };
}

/** `s2_kernel_capture: …`: the counts behind the fields. What is 0 for nearly every run is told only when it is not. */
export function kernelCaptureNote(record: CaptureRecord): string {
  const lines = record.normaliser?.lines.kernel ?? 0;
  const head = `s2_kernel_capture: monitor_events=${lines}`;
  if (!isAttributed(record)) {
    return `${head} tier=${record.tier} attribution=${record.attribution ?? 'none'} cgroup_correlation=partial kernel_layer=absent`;
  }
  const { ringbuf_drops, network_protocol_coverage, network_endpoint_claim_scope } = kernelHealth(record);
  const network = `network_protocol_coverage=${network_protocol_coverage} network_endpoint_claim_scope=${network_endpoint_claim_scope}`;
  return [`${head} ringbuf_drops=${ringbuf_drops} ${network}`, ...details(record)].join(' ');
}

function details(record: CaptureRecord): readonly string[] {
  const { hooks, normaliser, tier } = record;
  const sum = (field: 'dropped' | 'missed'): number => hooks.reduce((total, hook) => total + hook[field], 0);
  const { paths = 0, addresses = 0 } = normaliser?.unreadable ?? {};
  const losses = `dropped=${sum('dropped')} missed=${sum('missed')} unreadable=${paths + addresses}`;
  const { sendto = 0, sendmsg = 0 } = normaliser?.sends_without_peer ?? {};
  return [
    ...(lostRecords(record) > 0 ? [losses] : []),
    ...(record.ended_early ? ['ended_early=true'] : []),
    ...(tamperings(record) > 0 ? [`tampering=${tamperings(record)}`] : []),
    ...((record.survivors ?? 0) > 0 ? [`survivors=${record.survivors}`] : []),
    ...(sendto + sendmsg > 0 ? [`send_no_recoverable_peer=sendto:${sendto} sendmsg:${sendmsg}`] : []),
    ...nonIpSends(normaliser),
    ...(tier === 'ebpf' ? [] : [`tier=${tier}`]),
  ];
}

function nonIpSends(normaliser: CaptureRecord['normaliser']): readonly string[] {
  const { sendto = 0, sendmsg = 0 } = normaliser?.non_ip_peers ?? {};
  return sendto + sendmsg > 0 ? [`send_non_ip_family=sendto:${sendto} sendmsg:${sendmsg}`] : [];
}
