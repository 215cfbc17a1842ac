import { isAttributed, type CaptureRecord } from './capture-record.ts';
import { gapsOf, kernelHealth, type KernelHealth } from './kernel-health.ts';
import type { ObservationHealth } from './observation-health.ts';

/** What else the same archive holds. */
export interface CapturedMembers {
  readonly health: ObservationHealth;
  /** Lines of the members; undefined for a member that is not there. */
  readonly lines: {
    readonly kernel: number;
    readonly policy: number;
    readonly sdk: number;
    readonly effects: number | undefined;
    readonly raw: number | undefined;
  };
  /** Blind spots that the effects come to, by name. */
  readonly blindSpots: Readonly<Record<string, number>>;
}

/** Where `toolcrib/capture.json` contradicts itself, health or the layers, one sentence each. */
export function captureProblems(record: CaptureRecord, members: CapturedMembers): readonly string[] {
  return [
    ...tierProblems(record),
    ...hookProblems(record),
    ...accountProblems(record),
    ...countProblems(record),
    ...lineProblems(record, members.lines),
    ...spotProblems(record, members.blindSpots),
    ...healthProblems(record, members.health),
    ...logProblems(record, members.lines),
  ];
}

function tierProblems(record: CaptureRecord): readonly string[] {
  const { tier, attribution, normaliser, hooks, requested, ended_early, survivors } = record;
  const isObserved = attribution !== null;
  const problems: string[] = [];
  if (isObserved && tier === 'none') problems.push('tier is none, but there is an attribution');
  if (isObserved !== (normaliser !== null)) problems.push('attribution and normaliser do not go together');
  if (!isObserved && hooks.length > 0) problems.push('nothing was observed, but there are hooks');
  if (isObserved && survivors === null && !ended_early) {
    problems.push('the observation is whole, but nobody counted what lived on');
  }
  if (requested !== 'auto' && tier !== (requested === 'off' ? 'none' : requested)) {
    problems.push(`requested was ${requested}, but tier is ${tier}`);
  }
  return problems;
}

function hookProblems({ hooks }: CaptureRecord): readonly string[] {
  return new Set(hooks.map(({ hook }) => hook)).size === hooks.length ? [] : ['a hook is accounted for twice'];
}

const OPEN_HOOKS: ReadonlySet<string> = new Set(['open', 'openat', 'openat2', 'creat']);

/** Of an observation that went on to its end. The tracer tells every call of its accounts, or its stream is in doubt. */
function accountProblems(record: CaptureRecord): readonly string[] {
  const { normaliser, hooks, tier, ended_early } = record;
  if (normaliser === null || !isAttributed(record) || ended_early) return [];
  if (hooks.length === 0) return ['the observation is whole, but no hook is accounted for'];
  if (tier !== 'ebpf') return [];
  const counts: readonly (readonly [name: string, emitted: number, taken: number])[] = [
    ['calls', emittedBy(hooks), normaliser.calls],
    ['opens', emittedBy(hooks.filter(({ hook }) => OPEN_HOOKS.has(hook))), normaliser.opens],
  ];
  return counts
    .filter(([, emitted, taken]) => emitted !== taken)
    .map(([name, emitted, taken]) => `the hooks emitted ${emitted} ${name}, the normaliser took ${taken}`);
}

function emittedBy(hooks: CaptureRecord['hooks']): number {
  return hooks.reduce((sum, { emitted }) => sum + emitted, 0);
}

function countProblems({ normaliser }: CaptureRecord): readonly string[] {
  if (normaliser === null) return [];
  const { calls, opens, lines, hidden, hidden_elsewhere, endpoints } = normaliser;
  const left = sumOf(hidden);
  const problems: string[] = [];
  if (left > opens) problems.push(`${left} opens are hidden, but there were ${opens}`);
  if (hidden_elsewhere > left) problems.push(`${hidden_elsewhere} hidden opens led elsewhere, but ${left} are hidden`);
  if (lines.kernel + lines.effects + left > calls) problems.push(`more lines than the ${calls} calls`);
  const named = lines.kernel === 0 ? 0 : opens - left + sumOf(endpoints);
  if (named > lines.kernel) problems.push(`${named} opens and endpoints for ${lines.kernel} kernel lines`);
  return problems;
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function lineProblems({ normaliser }: CaptureRecord, lines: CapturedMembers['lines']): readonly string[] {
  const told = normaliser?.lines ?? { kernel: 0, effects: 0, raw: 0 };
  return (['kernel', 'effects', 'raw'] as const).flatMap((member) => {
    const actual = lines[member] ?? 0;
    return told[member] === actual ? [] : [`it counts ${told[member]} ${member} lines, there are ${actual}`];
  });
}

/** The coverage tells those that are counted. Some are of the kernel layer alone. */
function spotProblems({ normaliser }: CaptureRecord, implied: CapturedMembers['blindSpots']): readonly string[] {
  const told = new Map(Object.entries(normaliser?.blind_spots ?? {}));
  return Object.entries(implied)
    .map(([name, count]) => ({ name, count, counted: told.get(name) ?? 0 }))
    .filter(({ count, counted }) => counted < count)
    .map(({ name, count, counted }) => `it counts the blind spot ${name} ${counted} times, the effects ${count} times`);
}

/** Also where health claims less: it follows from the record, so one of both was changed. */
function healthProblems(record: CaptureRecord, health: ObservationHealth): readonly string[] {
  const implied = kernelHealth(record);
  const fields: readonly (keyof KernelHealth)[] = [
    'kernel_layer',
    'ringbuf_drops',
    'cgroup_correlation',
    'network_protocol_coverage',
    'network_endpoint_claim_scope',
  ];
  const isForeign = health.capture_origin !== undefined && isAttributed(record);
  return [
    ...(isForeign ? [`capture_origin is ${JSON.stringify(health.capture_origin)}, but the capture is our own`] : []),
    ...fields
      .filter((field) => health[field] !== implied[field])
      .map(
        (field) => `${field} of health is ${health[field]}, the record implies ${implied[field]}${why(field, record)}`,
      ),
  ];
}

function why(field: keyof KernelHealth, record: CaptureRecord): string {
  const gaps = isAttributed(record) && field === 'kernel_layer' ? gapsOf(record) : [];
  return gaps.length === 0 ? '' : ` (${gaps.join(', ')})`;
}

function logProblems({ logs }: CaptureRecord, lines: CapturedMembers['lines']): readonly string[] {
  return (['policy', 'sdk'] as const).flatMap((layer) => {
    const times = logs.filter((log) => log.layer === layer).length;
    if (times > 1) return [`the ${layer} log is told ${times} times`];
    return times === 0 && lines[layer] > 0 ? [`the ${layer} layer has lines, but no log is told`] : [];
  });
}
