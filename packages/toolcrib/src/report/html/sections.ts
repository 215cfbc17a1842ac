import type { ArchiveAccount, Capped, EffectAccount } from '../../core/archive-account.ts';
import type { ArchiveFacts } from '../archive-text.ts';
import type { ClaimFact, ClaimFacts } from '../claims-text.ts';
import { DIFF_SETS, diffStatusText, type DiffFacts, type SetDiffFacts } from '../diff-text.ts';
import { markup, type Markup } from './markup.ts';
import { decisionClass } from './timeline.ts';
import { renderTree, USE_WORDS } from './tree.ts';

/** A part of the page with a heading that can be linked to. */
export function section(id: string, title: string, content: Markup): Markup {
  return markup`<section id="${id}"><h2>${title}</h2>
${content}
</section>
`;
}

/** A table whose rows can be filtered; wide ones scroll for themselves. */
function table(titles: readonly string[], rows: readonly (readonly (Markup | string | number)[])[]): Markup {
  return markup`<div class="wide"><table><thead><tr>${titles.map((title) => markup`<th>${title}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) => markup`<tr data-row>${row.map((cell) => markup`<td>${cell}</td>`)}</tr>
`,
  )}</tbody></table></div>`;
}

/** How much of it is shown. */
function cap({ total, isLeast, shown }: Capped<unknown>, what: string, first = 'the first'): Markup {
  const all = `${isLeast ? 'at least ' : ''}${total} ${what}`;
  if (total === shown.length) return markup`<p class="note">${all}.</p>`;
  return markup`<p class="note cap">${all}; shown are ${first} ${shown.length}.</p>`;
}

const code = (text: string): Markup => markup`<code>${text}</code>`;

export function renderFiles({ files, paths }: ArchiveAccount): Markup {
  if (files.total === 0) return markup`<p class="none">No opened files are recorded.</p>`;
  const counts = markup`<p class="counts"><span><b>${paths.written.total}</b> opened for writing</span> <span><b>${paths.opened.total}</b> opened otherwise</span> <span><b>${paths.failed.total}</b> could not be opened</span> <span><b>${paths.blocked.total}</b> blocked</span></p>`;
  const groups = (['written', 'opened', 'failed', 'blocked'] as const).flatMap((use) =>
    paths[use].groups.map((group) => [
      code(group.path === '' ? '(anywhere)' : group.path),
      USE_WORDS[use],
      group.paths,
      group.opens,
    ]),
  );
  return markup`${counts}${cap(files, 'different paths', 'those for writing, blocked and not opened before others, in all')}${renderTree(files.shown)}
<details class="more"><summary>All of them in groups</summary>${table(['below', 'use', 'paths', 'opens'], groups)}</details>`;
}

export function renderEndpoints({ endpoints }: ArchiveAccount): Markup {
  if (endpoints.total === 0) return markup`<p class="none">No network endpoints are recorded.</p>`;
  const rows = endpoints.shown.map(({ endpoint, kinds, calls, failed }) => [
    code(endpoint),
    kinds.join(', '),
    calls,
    failed,
  ]);
  return markup`${cap(endpoints, 'endpoints')}${table(['endpoint', 'by', 'calls', 'failed'], rows)}`;
}

export function renderProcesses({ programs, unnamedPrograms, processes }: ArchiveAccount): Markup {
  if (processes.total === 0) return markup`<p class="none">No processes are recorded.</p>`;
  const started = programs.shown.map(({ path, times }) => [code(path), times]);
  const rows = processes.shown.map(({ pid, program, opens, network, execs }) => [
    pid,
    program === null ? markup`<span class="none">not told</span>` : code(program),
    opens,
    network,
    execs,
  ]);
  const unnamed =
    unnamedPrograms === 0 ? '' : markup`<p class="note">Programs started without a known path: ${unnamedPrograms}.</p>`;
  return markup`${cap(programs, 'different programs started')}${unnamed}${programs.total === 0 ? '' : table(['program', 'times'], started)}
<details class="more"><summary>Processes</summary>${cap(processes, 'processes with events')}${table(['process', 'last program', 'opens', 'network', 'starts'], rows)}</details>`;
}

export function renderToolCalls({ toolCalls }: ArchiveAccount, kernelEvents: number): Markup {
  if (toolCalls.total === 0) return markup`<p class="none">No tool calls are recorded.</p>`;
  const rows = toolCalls.shown.map(({ id, tool, decision, reported }) => [
    code(tool),
    code(id),
    markup`<span class="badge decision-${decisionClass(decision)}">${decision ?? 'none'}</span>`,
    reported.length === 0 ? 'nothing' : reported.join(', '),
  ]);
  return markup`${cap(toolCalls, 'tool calls')}${table(['tool', 'call', 'policy decided', 'SDK reported'], rows)}
<p class="note">A decision is bound to the whole run: ${kernelEvents} kernel events. Which of them belong to one call is not recorded.</p>`;
}

export function renderEffects({ effects, blindSpots }: ArchiveAccount): Markup {
  return markup`${effects.total === 0 ? markup`<p class="none">None are recorded.</p>` : renderCalls(effects)}
${blindSpots.total === 0 ? '' : markup`<h3>Calls behind which more can happen than was seen</h3>${renderCalls(blindSpots)}`}`;
}

function renderCalls(calls: Capped<EffectAccount>): Markup {
  const rows = calls.shown.map(({ call, times, failed, examples }) => [
    code(call),
    times,
    failed,
    markup`${examples.map((example) => markup`<code>${example}</code><br>`)}${times > examples.length ? markup`<small>the first different ones</small>` : ''}`,
  ]);
  return table(['call', 'times', 'failed', 'about'], rows);
}

export function renderClaims(claims: ClaimFacts | undefined, isRefused: boolean): Markup {
  if (isRefused) return markup`<p class="alarm">Nothing: the archive is refused.</p>`;
  if (claims === undefined) return markup`<p class="alarm">Nothing: how the run was watched is not known.</p>`;
  const rows = claims.measured.map(({ class: name, positive, exhaustive, absence }) => [
    name,
    decision(positive),
    decision(exhaustive),
    decision(absence),
  ]);
  const reported = [
    ['what the policy decided', decision(claims.reported.policy)],
    ['what the agent SDK reported', decision(claims.reported.sdk)],
    ['that an effect belongs to a tool call', decision(claims.per_binding)],
  ];
  return markup`${table(['measured', 'these happened', 'there were no others', 'a certain one did not happen'], rows)}
${table(['told by others', 'may be claimed'], reported)}`;
}

function decision({ decision: word, reasons }: ClaimFact): Markup {
  const why = [...new Set(reasons.map(({ text }) => text))];
  return markup`<details class="decision"><summary><span class="badge gate-${word}">${word}</span></summary><ul>${why.map((text) => markup`<li>${text}</li>`)}</ul></details>`;
}

/** Blind spots, notes and the like: a recorder tells a few. */
const MOST_TEXTS = 200;

export function renderCoverage({ reports: { coverage, capture }, summary: { health } }: ArchiveFacts): Markup {
  const descriptors = coverage?.descriptors ?? [];
  const list = (texts: readonly string[]): Markup =>
    markup`<ul>${texts.slice(0, MOST_TEXTS).map((text) => markup`<li>${text}</li>`)}${texts.length > MOST_TEXTS ? markup`<li class="cap">and ${texts.length - MOST_TEXTS} more</li>` : ''}</ul>`;
  const told = descriptors.map(({ dimension, method, observes, known_blind_spots, completeness }) => {
    const lists = markup`<div><h4>seen</h4>${list(observes)}</div><div><h4>not seen</h4>${list(known_blind_spots)}</div>`;
    return markup`<h3>${dimension}: <code>${completeness}</code></h3><p class="note">by ${method}</p><div class="seen">${lists}</div>`;
  });
  const hidden = Object.entries(capture?.normaliser?.hidden ?? {}).filter(([, times]) => times > 0);
  const changed = capture?.perturbations ?? [];
  return markup`${told.length === 0 ? markup`<p class="none">The archive does not describe what could be seen.</p>` : told}
${hidden.length === 0 ? '' : markup`<p>Opens that were counted and left out: ${hidden.map(([rule, times]) => `${rule} ${times}`).join(', ')}.</p>`}
${changed.length === 0 ? '' : markup`<p>Changed by watching:</p>${list(changed)}`}
${(health?.notes ?? []).length === 0 ? '' : markup`<details class="more"><summary>Notes of the recorder</summary>${list(health?.notes ?? [])}</details>`}`;
}

/** Of long sets so much; the counts are of all. */
const MOST_ROWS = 1000;
/** Longer lists of differences are folded at first. */
const MOST_OPEN = 30;

export function renderDiff(diff: DiffFacts): Markup {
  const changed = diff.policy_outcomes.changed.map(({ tool_call_id, base, head }) => [
    code(tool_call_id),
    base ?? 'no decision',
    head ?? 'no decision',
  ]);
  return markup`<p><span class="badge status-${diff.status === 'clean' ? 'clean' : 'partial'}">${diff.status}</span> ${diffStatusText(diff)}.</p>
<p class="note">First: <code>${diff.base_run_id}</code>. Second: <code>${diff.head_run_id}</code>.</p>
${DIFF_SETS.map(([name, title]) => renderSet(title, diff.surface[name]))}${renderSet('tool calls', diff.binding_ids)}
${changed.length === 0 ? '' : markup`<h3>Decided otherwise</h3>${table(['tool call', 'first', 'second'], changed)}`}`;
}

function renderSet(title: string, { added, removed, unchanged }: SetDiffFacts): Markup {
  const differences = added.length + removed.length;
  const isOpen = differences > 0 && differences <= MOST_OPEN;
  const rows = (mark: string, kind: string, values: readonly string[]): Markup =>
    markup`${values.slice(0, MOST_ROWS).map(
      (value) => markup`<li data-row class="${kind}"><span aria-hidden="true">${mark}</span> <code>${value}</code></li>
`,
    )}${values.length > MOST_ROWS ? markup`<li class="cap">and ${values.length - MOST_ROWS} more</li>` : ''}`;
  return markup`<details class="more"${isOpen ? markup` open` : ''}><summary>${title}: <b>${removed.length}</b> gone, <b>${added.length}</b> new, ${unchanged.length} in both</summary><ul class="diff">${rows('\u2212', 'removed', removed)}${rows('+', 'added', added)}</ul></details>`;
}
