import type { Notice } from '../core/reporter.ts';
import { examine, inOrder } from '../doctor/examine.ts';
import { finding, type Finding } from '../doctor/finding.ts';
import type { Host } from './host.ts';
import { hostProbes } from './host-probes.ts';
import { readInstalledProject } from './install-state.ts';
import type { Project } from './project.ts';
import { storeProbes } from './store-probes.ts';

export interface ExamineOptions {
  /** Opens the project; what is wrong with it is a finding. */
  readonly project: () => Promise<Project>;
  /** True: a file is created in every store that can take it away again. Default: nothing is written. */
  readonly writeProbe?: boolean;
  /** For each thing that is looked at, in milliseconds. Default: 5000. */
  readonly deadlineMs?: number;
}

/** What works on a machine, and what does not. */
export interface HostExamination {
  /** `failed` when something that is configured does not work. */
  readonly verdict: 'ok' | 'failed';
  readonly findings: readonly Finding[];
}

const DEADLINE_MS = 5000;

/**
 * Looks at everything that toolcrib uses on a machine: engines, stores, proxies, the cache, what a recorded run could use.
 * Nothing is written, but for a write probe; offline, no socket of the internet is opened.
 * @throws the signal's reason. What does not work is a finding.
 */
export async function examineHost(machine: Host, options: ExamineOptions): Promise<HostExamination> {
  const { writeProbe = false, deadlineMs = DEADLINE_MS } = options;
  const notices: Notice[] = [];
  const host = { ...machine, reporter: listeningTo(notices) };
  const project = once(options.project);
  // Both are asked for by several, and a failure is told by the one that is about it.
  const opened = await project().catch(() => undefined);
  const installed = once(async () => await readInstalledProject(await project(), host));
  const probes = [
    ...hostProbes({ host, project, config: opened?.config, installed }),
    ...storeProbes({ host, config: opened?.config, installed, writeProbe }),
  ];
  const found = await examine(probes, { clock: host.clock, signal: host.signal, deadlineMs });
  const findings = inOrder([...found, ...warningsIn(notices)]);
  return { verdict: findings.some(({ state }) => state === 'failed') ? 'failed' : 'ok', findings };
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let begun: Promise<T> | undefined;
  return () => (begun ??= work());
}

function listeningTo(notices: Notice[]): Host['reporter'] {
  return {
    notice: (notice) => notices.push(notice),
    progress: () => ({ advance: () => undefined, end: () => undefined }),
  };
}

/** What stores warn of while they are opened, e.g. of a token that they are not shown. */
function warningsIn(notices: readonly Notice[]): readonly Finding[] {
  return notices.flatMap((notice) => {
    if (notice.kind !== 'warning') return [];
    const { text, hint = null } = notice;
    return [finding({ group: 'stores', subject: 'credentials', state: 'warning', text, remedy: hint })];
  });
}
