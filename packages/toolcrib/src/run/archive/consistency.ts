import type { Digest } from '../../core/digest.ts';
import type { ArchiveContent } from './content.ts';
import type { Findings } from './findings.ts';
import {
  CAPTURE_PATH,
  CORRELATION_PATH,
  COVERAGE_PATH,
  EFFECTS_PATH,
  EVENTS_PATH,
  HEALTH_PATH,
  INJECTION_PATH,
  KERNEL_PATH,
  OUTCOME_PATH,
  POLICY_PATH,
  RAW_PATH,
  SDK_PATH,
  SURFACE_PATH,
} from './paths.ts';
import { captureProblems } from '../reports/capture-problems.ts';
import { coverageProblems } from '../reports/coverage-problems.ts';
import { injectionProblems } from '../reports/injection-record.ts';
import { rawProblems } from '../reports/raw-problems.ts';
import { surfaceProblems } from '../reports/capability-surface.ts';
import { correlationProblems } from '../reports/correlation-report.ts';
import { healthClaimProblems, healthProblem, healthProblemText } from '../reports/observation-health.ts';
import { runEventProblems } from '../layers/run-event.ts';

/** Compares the members of an archive with each other: none may claim more than the layers hold. */
export function verifyContent(content: ArchiveContent, findings: Findings): void {
  const platform = content.health?.platform;
  for (const problem of runEventProblems(content.events, platform)) findings.add('events', EVENTS_PATH, problem);
  verifyHealth(content, findings);
  verifyReports(content, findings);
  verifyOwn(content, findings);
  verifyOutcome(content, findings);
  verifyShim(content, findings);
}

function verifyHealth({ health, lines }: ArchiveContent, findings: Findings): void {
  if (health === undefined) return;
  const problem = healthProblem(health);
  if (problem !== undefined) findings.add('health', HEALTH_PATH, healthProblemText(problem));
  const counts = {
    kernel: countOf(lines, KERNEL_PATH),
    policy: countOf(lines, POLICY_PATH),
    sdk: countOf(lines, SDK_PATH),
  };
  for (const claim of healthClaimProblems(health, counts)) findings.add('health', HEALTH_PATH, claim);
  if (health.redaction?.mode === 'disabled_unsafe') {
    findings.add('unsafe_redaction', HEALTH_PATH, 'it was recorded with redaction switched off: it may hold secrets');
  }
}

function verifyReports(content: ArchiveContent, findings: Findings): void {
  const { correlation, surface, decisions, sdkToolCalls, implied, lines } = content;
  const layers = { kernelEvents: countOf(lines, KERNEL_PATH), decisions, sdkToolCalls };
  for (const problem of correlation === undefined ? [] : correlationProblems(correlation, layers)) {
    findings.add('correlation', CORRELATION_PATH, problem);
  }
  for (const problem of surface === undefined ? [] : surfaceProblems(surface, implied.build(surface.run_id))) {
    findings.add('surface', SURFACE_PATH, problem);
  }
}

/** Members of toolcrib; what other writers wrote has none of them. */
function verifyOwn(content: ArchiveContent, findings: Findings): void {
  const { capture, coverage, injection, health, events, lines, effects, replay, manifest } = content;
  const add = (path: string, problems: readonly string[]): void => {
    for (const problem of problems) findings.add('capture', path, problem);
  };
  if (manifest !== undefined) add(CAPTURE_PATH, missingCaptureProblems(Object.keys(manifest.files)));
  if (health === undefined) return;
  if (coverage !== undefined) add(COVERAGE_PATH, coverageProblems(coverage, { health, capture }));
  const end = events.find((event) => event.type === 'run_finished');
  const run = { kernelLayer: health.kernel_layer, end: end?.type === 'run_finished' ? end : undefined };
  if (injection !== undefined) add(INJECTION_PATH, injectionProblems(injection, run));
  if (capture === undefined) return;
  const counts = {
    kernel: countOf(lines, KERNEL_PATH),
    policy: countOf(lines, POLICY_PATH),
    sdk: countOf(lines, SDK_PATH),
    effects: lines.get(EFFECTS_PATH),
    raw: lines.get(RAW_PATH),
  };
  add(CAPTURE_PATH, captureProblems(capture, { health, lines: counts, blindSpots: effects.blindSpots() }));
  const digest = (path: string): Digest | undefined => manifest?.files[path]?.sha256;
  const members = { kernel: digest(KERNEL_PATH), effects: digest(EFFECTS_PATH), capture };
  if (replay !== undefined) add(RAW_PATH, rawProblems(replay.finish(), members));
}

/** Members of ours that tell nothing without how the kernel was observed: taking that out must not allow more. */
const WITH_CAPTURE: readonly string[] = [COVERAGE_PATH, EFFECTS_PATH, RAW_PATH, INJECTION_PATH];

function missingCaptureProblems(listed: readonly string[]): readonly string[] {
  const left = WITH_CAPTURE.filter((path) => listed.includes(path));
  if (left.length === 0 || listed.includes(CAPTURE_PATH)) return [];
  return [`it is not in the archive, which has ${left.join(', ')}`];
}

/** What was not started has neither a code nor a signal. */
function verifyOutcome({ outcome, events }: ArchiveContent, findings: Findings): void {
  const end = events.find((event) => event.type === 'run_finished');
  if (outcome === undefined || outcome.spawn_error === null || end?.type !== 'run_finished') return;
  if (end.exit_code === null && end.signal === null && !outcome.timed_out) return;
  findings.add('outcome', OUTCOME_PATH, 'it says that nothing was started, but the run has an end');
}

function verifyShim({ events, lines }: ArchiveContent, findings: Findings): void {
  const start = events.find((event) => event.type === 'run_started');
  if (start?.type !== 'run_started' || start.agent_shim !== 'none' || countOf(lines, SDK_PATH) === 0) return;
  findings.add('events', SDK_PATH, 'there are SDK events, but the run says that it has no agent shim');
}

function countOf(lines: ReadonlyMap<string, number>, path: string): number {
  return lines.get(path) ?? 0;
}
