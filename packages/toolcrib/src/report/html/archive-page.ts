import { createHash } from 'node:crypto';
import type { ArchiveAccount } from '../../core/archive-account.ts';
import {
  outcomeText,
  quoteArgument,
  sandboxText,
  verdictText,
  watcherText,
  type ArchiveFacts,
} from '../archive-text.ts';
import type { DiffFacts } from '../diff-text.ts';
import { unknownsOf } from '../unknowns.ts';
import { Markup, markup } from './markup.ts';
import { SCRIPT } from './script.ts';
import {
  renderClaims,
  renderCoverage,
  renderDiff,
  renderEffects,
  renderEndpoints,
  renderFiles,
  renderProcesses,
  renderToolCalls,
  section,
} from './sections.ts';
import { STYLE } from './style.ts';
import { decisionClass, renderTimeline } from './timeline.ts';

/** What a report is made from. */
export interface ArchivePage {
  /** How the archive is called. */
  readonly file: string;
  readonly facts: ArchiveFacts;
  readonly account: ArchiveAccount;
  /** Compared with an earlier run, when two archives are given. */
  readonly diff?: DiffFacts;
}

const MOST_COMMAND = 4000;
const MOST_SHOWN = 6;

/**
 * One HTML file that opens from a disk and asks for nothing: style and script stand in it, and its own policy allows those
 * two alone, by their digests. Whatever an archive holds is text in it. Readable without the script.
 */
export function renderArchivePage(page: ArchivePage): string {
  const { file, facts, account, diff } = page;
  const { summary } = facts;
  const events = summary.layers.kernel;
  const isRefused = facts.findings.length > 0;
  const parts: readonly (readonly [id: string, title: string, content: Markup])[] = [
    ...(diff === undefined ? [] : [['diff', 'What is different', renderDiff(diff)] as const]),
    ['timeline', 'Tool calls and kernel events', renderTimeline(account, events)],
    ['files', 'Files', renderFiles(account)],
    ['network', 'Network endpoints', renderEndpoints(account)],
    ['processes', 'Programs and processes', renderProcesses(account)],
    ['calls', 'Tool calls and decisions', renderToolCalls(account, events)],
    ['effects', 'Changes without an open, and starts that failed', renderEffects(account)],
    ['claims', 'What may be claimed', renderClaims(facts.claims, isRefused)],
    ['coverage', 'What could be seen', renderCoverage(facts)],
  ];
  const text = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '${hashOf(STYLE)}'; script-src '${hashOf(SCRIPT)}'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${summary.runId ?? 'A run'}: recorded run</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
${renderHead(page)}
${isRefused ? renderFindings(facts) : ''}
<div class="cards">
${renderRan(facts)}
${renderTouched(account, facts)}
${renderUnknown(facts)}
</div>
<nav aria-label="parts of the report">${parts.map(([id, title]) => markup`<a href="#${id}">${title}</a> `)}</nav>
<p class="filter" hidden><input id="filter" type="search" placeholder="Filter rows: a path, a host, a tool" aria-label="Filter rows"> <small id="filtered" aria-live="polite"></small></p>
${parts.map(([id, title, content]) => section(id, title, content))}
<footer>Made by toolcrib from <code>${file}</code>. This page is no evidence; the archive is, as far as it verifies.</footer>
<script>${new Markup(SCRIPT)}</script>
</body>
</html>
`;
  return text.text;
}

/** The source expression of a Content Security Policy: https://www.w3.org/TR/CSP3/#grammardef-hash-source. */
function hashOf(text: string): Markup {
  return new Markup(`sha256-${createHash('sha256').update(text).digest('base64')}`);
}

function renderHead({ facts }: ArchivePage): Markup {
  const { summary, verdict, signature } = facts;
  const command = summary.command?.map(quoteArgument).join(' ') ?? 'unknown command';
  const shown = command.length > MOST_COMMAND ? `${command.slice(0, MOST_COMMAND)} ...` : command;
  const isRefused = facts.findings.length > 0;
  const chips = [
    isRefused ? chip('refused', 'bad') : chip(`verdict: ${verdict?.verdict ?? 'none'}`, verdictKind(verdict?.verdict)),
    chip(outcomeText(summary), summary.success === true ? 'good' : 'bad'),
    ...(isRefused
      ? []
      : [
          chip(
            signature === 'verified' ? 'signature verified' : 'not authentic',
            signature === 'verified' ? 'good' : 'mild',
          ),
        ]),
  ];
  return markup`<h1>Recorded run</h1>
<p class="command">${shown}</p>
<ul class="chips">${chips}</ul>
${isRefused || verdict === undefined ? '' : markup`<p class="verdict">${verdictText(verdict.verdict, facts)}.</p>`}`;
}

function chip(text: string, kind: 'good' | 'mild' | 'bad'): Markup {
  return markup`<li class="${kind}">${text}</li>`;
}

function verdictKind(verdict: string | undefined): 'good' | 'mild' | 'bad' {
  if (verdict === 'clean') return 'good';
  return verdict === undefined || verdict === 'failed' ? 'bad' : 'mild';
}

const MOST_FINDINGS = 50;

function renderFindings({ findings }: ArchiveFacts): Markup {
  const left = findings.length - MOST_FINDINGS;
  return markup`<div class="alarm" role="alert"><b>This archive is refused.</b> Nothing on this page is to be believed.<ul>${findings.slice(0, MOST_FINDINGS).map(({ member, message }) => markup`<li>${member === undefined ? '' : markup`<code>${member.slice(0, 200)}</code>: `}${message}</li>`)}${left > 0 ? markup`<li>and ${left} more</li>` : ''}</ul></div>`;
}

function renderRan(facts: ArchiveFacts): Markup {
  const { summary, reports } = facts;
  const { injection } = reports;
  const { runId, platform, agentShim, envKeys } = summary;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['run', runId],
    ['ended', outcomeText(summary)],
    ['platform', platform],
    ['watched by', watcherText(facts)],
    ['sandbox', injection && sandboxText(injection)],
    ['agent SDK', agentShim === 'none' ? undefined : agentShim],
    ['variables set', envKeys?.join(', ')],
  ];
  const shown = rows.filter(([, text]) => text !== undefined && text !== '');
  return markup`<div class="card"><h2>What ran</h2><dl>${shown.map(([name, text]) => markup`<dt>${name}</dt><dd>${text}</dd>`)}</dl></div>`;
}

function renderTouched(account: ArchiveAccount, { summary: { health } }: ArchiveFacts): Markup {
  const { paths, endpoints, programs, toolCalls, effects } = account;
  const isWatched = health !== undefined && health.kernel_layer !== 'absent';
  const written = paths.written.groups
    .slice(0, MOST_SHOWN)
    .map(
      ({ path, paths: count }) =>
        markup`<br><code>${path}</code>${count > 1 ? markup` <small>(${count})</small>` : ''}`,
    );
  const hosts = endpoints.shown.slice(0, MOST_SHOWN).map(({ endpoint }) => markup`<br><code>${endpoint}</code>`);
  const denied = toolCalls.shown.filter(({ decision }) => decisionClass(decision) === 'deny').length;
  const changes = effects.shown.reduce((sum, { times }) => sum + times, 0);
  const lines = [
    ...(isWatched
      ? [
          markup`<b>${paths.written.total}</b> files opened for writing${written}${more(paths.written.groups.length)}`,
          markup`<b>${paths.opened.total}</b> more files opened`,
          markup`<b>${endpoints.total}</b> network endpoints${hosts}${more(endpoints.total)}`,
          markup`<b>${programs.total}</b> programs started`,
          markup`<b>${changes}</b> other changes, or starts that failed`,
        ]
      : [markup`Not known: nothing watched.`]),
    markup`<b>${toolCalls.total}</b> tool calls${denied > 0 ? markup`, <b>${denied}</b> of them denied` : ''}`,
  ];
  return markup`<div class="card"><h2>What it touched</h2><ul>${lines.map((line) => markup`<li>${line}</li>`)}</ul></div>`;
}

function more(total: number): Markup | string {
  return total > MOST_SHOWN ? markup`<br><small>and ${total - MOST_SHOWN} more</small>` : '';
}

function renderUnknown(facts: ArchiveFacts): Markup {
  const spots =
    facts.reports.coverage?.descriptors.reduce((sum, { known_blind_spots: list }) => sum + list.length, 0) ?? 0;
  const seen =
    spots === 0
      ? ''
      : markup`<li>There are ${spots} declared blind spots: <a href="#coverage">what could be seen</a>.</li>`;
  return markup`<div class="card unknown"><h2>What is not known</h2><ul>${unknownsOf(facts).map((text) => markup`<li>${text}</li>`)}${seen}</ul></div>`;
}
