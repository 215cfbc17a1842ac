import type { ArchiveAccount } from '../core/archive-account.ts';
import { printable } from '../core/printable.ts';
import { describeAccount } from './account-text.ts';
import { claimSummary, claimTable, type ClaimFacts } from './claims-text.ts';
import { clippingsOf } from './clipped-text.ts';
import { counted } from './counted.ts';
import { unknownsOf } from './unknowns.ts';
import { truncate, wrap } from './width.ts';

/** What a person is told about a run archive: the result of `verifyArchive` fits it. */
export interface ArchiveFacts {
  readonly signature: 'absent' | 'unverified' | 'verified';
  readonly claims: ClaimFacts | undefined;
  readonly reports: {
    readonly capture: CaptureFacts | undefined;
    readonly injection: InjectionFacts | undefined;
    readonly coverage: CoverageFacts | undefined;
  };
  readonly findings: readonly { readonly member: string | undefined; readonly message: string }[];
  readonly unchecked: readonly string[];
  readonly undescribed: boolean;
  readonly verdict:
    | {
        readonly verdict: string;
        readonly reasons: readonly { readonly field: string; readonly observed: string; readonly rule: string }[];
      }
    | undefined;
  readonly summary: {
    readonly runId: string | undefined;
    readonly platform: string | undefined;
    readonly agentShim: string | undefined;
    readonly command: readonly string[] | undefined;
    readonly envKeys: readonly string[] | undefined;
    readonly exitCode: number | null | undefined;
    readonly signal: number | null | undefined;
    readonly success: boolean | undefined;
    /** Milliseconds. */
    readonly elapsedMs: number | undefined;
    readonly spawnError: string | null;
    readonly timedOut: boolean;
    readonly layers: { readonly kernel: number; readonly policy: number; readonly sdk: number };
    readonly health:
      | {
          readonly kernel_layer: string;
          readonly capture_origin?: string | undefined;
          readonly ringbuf_drops: number;
          readonly policy_layer: string;
          readonly sdk_layer: string;
          readonly cgroup_correlation: string;
          readonly network_protocol_coverage: string;
          readonly notes: readonly string[];
          readonly redaction?: { readonly mode: string; readonly redacted_count: number } | undefined;
        }
      | undefined;
    readonly correlation: { readonly status: string; readonly ambiguities: readonly string[] } | undefined;
    /** Sizes of the sets. */
    readonly surface: Readonly<Record<string, number>> | undefined;
  };
}

interface CaptureFacts {
  readonly tier: string;
  readonly attribution: string | null;
  readonly refusals: readonly { readonly tier: string; readonly reason: string }[];
  readonly perturbations: readonly string[];
  readonly ended_early: boolean;
  /** Null where nobody counted them. */
  readonly survivors: number | null;
  readonly logs?: readonly { readonly layer: string; readonly command_could_write: boolean }[];
  readonly normaliser: {
    readonly hidden: Readonly<Record<string, number>>;
    readonly blind_spots?: Readonly<Record<string, number>>;
  } | null;
}

interface CoverageFacts {
  readonly descriptors: readonly {
    readonly dimension: string;
    readonly method: string;
    readonly observes: readonly string[];
    readonly known_blind_spots: readonly string[];
    readonly completeness: string;
  }[];
}

interface InjectionFacts {
  readonly sandbox: string;
  readonly tool: string;
  readonly version: number;
  readonly protection: string;
  readonly after: string;
  /** Null when nothing showed itself to an observer. */
  readonly anchor?: unknown;
  readonly ended?: { readonly kernel: ToldEnd | null; readonly tool: ToldEnd | null } | undefined;
}

interface ToldEnd {
  readonly exit_code: number | null;
  readonly signal: number | null;
}

type Summary = ArchiveFacts['summary'];
type Health = NonNullable<Summary['health']>;

const WIDTH = 80;
const LABEL_WIDTH = 22;
const MAX_COMMAND = 600;
const MAX_FINDINGS = 20;
/** Of one field; a hostile archive may have more to say. */
const MAX_FIELD = 2000;

/**
 * The text of `archive show`: what ran, how it ended, what was observed and what was not, what may be claimed. ASCII, at
 * most 80 characters a line. Says nothing that the archive does not support: a layer that is not there is "not recorded".
 */
export function describeArchive(facts: ArchiveFacts, account?: ArchiveAccount): string {
  const isRefused = facts.findings.length > 0;
  const blocks = [
    [...describeRun(facts.summary), ...describeSandbox(facts)],
    [...describeLayers(facts.summary), ...describeCapture(facts)],
    [...describeVerdict(facts)],
    describeCheck(facts),
  ].map(asText);
  const [run = '', layers = '', verdict = '', check = ''] = blocks;
  const isWatched = facts.summary.health !== undefined && facts.summary.health.kernel_layer !== 'absent';
  const claims = isRefused || !isWatched || facts.claims === undefined ? [] : [claimTable(facts.claims)];
  const touched = account === undefined ? [] : describeAccount(account, isWatched);
  const unknowns = asText(describeUnknowns(facts));
  return [run, layers, ...touched, unknowns, verdict, ...claims, check].join('\n');
}

function asText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function describeSandbox({ reports: { injection } }: ArchiveFacts): readonly string[] {
  if (injection === undefined) return [];
  return field('sandbox', sandboxText(injection));
}

/** Where a command ran, what started it there, and what became of that place. */
export function sandboxText({
  sandbox,
  tool,
  version,
  protection,
  after,
}: NonNullable<ArchiveFacts['reports']['injection']>): string {
  const gone = after === 'running' ? '' : `; after the command the sandbox was ${after}`;
  return `${sandbox}, started by ${tool} v${version} (protection: ${protection})${gone}`;
}

const TIERS: ReadonlyMap<string, string> = new Map([
  ['ebpf', 'programs in the kernel (ebpf)'],
  ['ptrace', 'strace (ptrace)'],
  ['none', 'nothing'],
]);

/** Who watched the run, in words; an observer that stood ready for a command that was not started watched nothing. */
export function watcherText({ summary, reports: { capture } }: ArchiveFacts): string | undefined {
  if (capture === undefined) return undefined;
  const name = TIERS.get(capture.tier) ?? capture.tier;
  if (summary.spawnError === null || capture.tier === 'none') return name;
  return `nothing: no command ran for ${name} to watch`;
}

const UNCOUNTED = 'nobody counted what lived on';

function describeCapture(facts: ArchiveFacts): readonly string[] {
  const { capture } = facts.reports;
  if (capture === undefined) return [];
  const { attribution, refusals, perturbations, ended_early, survivors, normaliser } = capture;
  const hidden = Object.values(normaliser?.hidden ?? {}).reduce((sum, count) => sum + count, 0);
  return [
    ...field('watched by', `${watcherText(facts) ?? ''}${attribution === 'doubtful' ? ', attribution in doubt' : ''}`),
    ...refusals.flatMap((refusal) => field('', `not by ${refusal.tier}: ${refusal.reason}`)),
    ...perturbations.flatMap((text) => field('', `changed by that: ${text}`)),
    ...(ended_early ? field('', `it ended before the run was over${survivors === null ? `; ${UNCOUNTED}` : ''}`) : []),
    ...(survivors !== null && survivors > 0
      ? field('', `${counted(survivors, 'process', 'processes')} lived on when the recording ended`)
      : []),
    ...(hidden > 0
      ? field('left out, counted', `${counted(hidden, 'open')} of loader, locale, system and module paths`)
      : []),
  ];
}

/** The text of `archive verify`: what was checked, the verdict, what may be claimed and why. */
export function describeVerification(facts: ArchiveFacts): string {
  const lines = [...field('run', facts.summary.runId ?? 'unknown'), ...describeCheck(facts), ...describeVerdict(facts)];
  return lines.map((line) => `${line}\n`).join('');
}

function describeUnknowns(facts: ArchiveFacts): readonly string[] {
  return unknownsOf(facts).flatMap((text, index) => field(index === 0 ? 'not known' : '', text));
}

function describeRun(summary: Summary): readonly string[] {
  const { runId, command, platform, agentShim, envKeys } = summary;
  return [
    ...field('run', runId ?? 'unknown'),
    ...field(
      'command',
      command === undefined ? 'unknown' : truncate(command.map(quoteArgument).join(' '), MAX_COMMAND),
    ),
    ...field('outcome', outcomeText(summary)),
    ...field('platform', platform ?? 'unknown'),
    ...(agentShim === undefined || agentShim === 'none' ? [] : field('agent SDK', agentShim)),
    ...(envKeys === undefined || envKeys.length === 0 ? [] : field('variables set', envKeys.join(', '))),
  ];
}

/** An argument as a shell would take it. */
export function quoteArgument(argument: string): string {
  const text = printable(argument);
  return /^[A-Za-z0-9_@%+=:,./<>-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** How a run ended, in a few words. */
export function outcomeText(summary: Summary): string {
  if (summary.spawnError !== null) return `not started: ${summary.spawnError}`;
  const after = summary.elapsedMs === undefined ? '' : ` after ${formatDuration(summary.elapsedMs)}`;
  const timeout = summary.timedOut ? ', its time was up' : '';
  if (typeof summary.signal === 'number') return `ended by signal ${summary.signal}${after}${timeout}`;
  if (typeof summary.exitCode === 'number') return `exit code ${summary.exitCode}${after}${timeout}`;
  return `unknown: the archive tells neither an exit code nor a signal${timeout}`;
}

/** `250 ms`, `1.5 s`, `2 min 5 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  if (milliseconds < 60_000) return `${Math.floor(milliseconds / 100) / 10} s`;
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function describeLayers(summary: Summary): readonly string[] {
  const { health, layers, surface } = summary;
  if (health === undefined) return field('what was observed', 'unknown: observation health could not be read');
  return [
    ...field('start and end', summary.command === undefined ? 'not recorded' : 'recorded'),
    ...field('what the kernel saw', kernelText(health, layers.kernel)),
    ...(health.kernel_layer !== 'absent' && surface !== undefined ? field('', surfaceText(surface)) : []),
    ...(health.kernel_layer !== 'absent' ? field('', `network coverage: ${health.network_protocol_coverage}`) : []),
    ...field(
      'what a policy decided',
      health.policy_layer === 'absent' ? 'not recorded' : counted(layers.policy, 'decision'),
    ),
    ...field(
      'what the SDK reported',
      health.sdk_layer === 'absent' ? 'not recorded' : `${counted(layers.sdk, 'event')}, self-reported`,
    ),
    ...ambiguityLines(summary),
    ...field('redaction', redactionText(health)),
  ];
}

function kernelText(health: Health, events: number): string {
  const origin = health.capture_origin === undefined ? '' : ', captured by a third party';
  if (health.kernel_layer === 'complete') return `${counted(events, 'event')}, none lost${origin}`;
  if (health.kernel_layer !== 'absent') {
    const lost = health.ringbuf_drops > 0 ? `at least ${health.ringbuf_drops} lost` : 'perhaps not all';
    return `${counted(events, 'event')}, ${lost}${origin}`;
  }
  return events === 0
    ? 'not recorded'
    : `${counted(events, 'event')} that cannot be attributed to this run: not counted as recorded`;
}

function ambiguityLines({ correlation }: Summary): readonly string[] {
  if (correlation === undefined || correlation.status === 'clean') return [];
  return field('correlation', `${correlation.status}: ${correlation.ambiguities.join(', ')}`);
}

function surfaceText(surface: Readonly<Record<string, number>>): string {
  const count = (name: string): number => surface[name] ?? 0;
  const paths = counted(count('filesystem_paths'), 'path');
  const network = counted(count('network_endpoints'), 'network endpoint');
  return `${paths}, ${network}, ${counted(count('process_execs'), 'program')}`;
}

function redactionText(health: Health): string {
  if (health.redaction === undefined) return 'the archive does not say';
  if (health.redaction.mode === 'disabled_unsafe') return 'switched off: it may hold secrets';
  return `${counted(health.redaction.redacted_count, 'place')} redacted (${health.redaction.mode})`;
}

const VERDICT_TEXTS: ReadonlyMap<string, string> = new Map([
  ['clean', 'nothing of what was watched was lost, and all of it belongs to this run'],
  ['correlation_partial', 'what belongs to this run is not certain: that something was not seen proves nothing'],
  ['not_applicable', 'the kernel was not watched: nothing can be claimed as measured'],
  ['failed', 'the record contradicts itself or could not be correlated: nothing can be claimed from it'],
]);

/** What a verdict means: it is about the record as a whole. What may be claimed depends on what could be seen, too. */
export function verdictText(verdict: string, facts: Pick<ArchiveFacts, 'summary' | 'reports'>): string {
  if (verdict === 'clipped') return `${clippingsOf(facts).join(', ')}: that something was not seen proves nothing`;
  return VERDICT_TEXTS.get(verdict) ?? '';
}

function describeVerdict(facts: ArchiveFacts): readonly string[] {
  const { verdict, claims, findings } = facts;
  if (verdict === undefined) return field('verdict', 'none: observation health could not be read');
  // What an archive that was refused says of itself supports nothing.
  if (findings.length > 0) return field('verdict', 'none: the archive is refused, nothing can be claimed from it');
  const text = verdictText(verdict.verdict, facts);
  return [
    ...field('verdict', `${verdict.verdict}: ${text}`),
    ...verdict.reasons.flatMap((reason) => field('because', `${reason.field} is ${reason.observed}: ${reason.rule}`)),
    ...(claims === undefined ? [] : field('claims', claimSummary(claims))),
  ];
}

const SIGNATURES: Readonly<Record<ArchiveFacts['signature'], string>> = {
  absent: 'consistent, not authentic: nobody signed it',
  unverified: 'consistent, not authentic: it has a signature, verify it with --key',
  verified: 'consistent and authentic: the named key signed it',
};

const UNDESCRIBED =
  'no member says how it was recorded: another writer wrote it, or somebody took out what toolcrib had written about it; only a signature can tell (--key)';

function describeCheck({ findings, unchecked, undescribed, signature }: ArchiveFacts): readonly string[] {
  if (findings.length === 0) {
    return [
      ...field('check', SIGNATURES[signature]),
      ...(undescribed ? field('origin', UNDESCRIBED) : []),
      ...(unchecked.length === 0 ? [] : field('not understood', `${unchecked.join(', ')} (digests match)`)),
    ];
  }
  const shown = findings.slice(0, MAX_FINDINGS).flatMap(({ member, message }) => {
    return field('', member === undefined ? message : `${member}: ${message}`);
  });
  const rest = findings.length - MAX_FINDINGS;
  return [
    ...field('check', `REFUSED (findings: ${findings.length}); what stands above is not to be believed`),
    ...shown,
    ...(rest > 0 ? field('', `and ${rest} more`) : []),
  ];
}

/** A label and its text, which goes on under itself. */
function field(label: string, text: string): readonly string[] {
  const lines = wrap(printable(truncate(text, MAX_FIELD)), WIDTH - LABEL_WIDTH);
  if (lines.length === 0) return [label.trimEnd()];
  return lines.map((line, index) => (index === 0 ? label : '').padEnd(LABEL_WIDTH) + line);
}
