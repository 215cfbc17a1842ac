import type { ArchiveAccount, Stretch } from '../../core/archive-account.ts';
import { markup, type Markup } from './markup.ts';

const WIDTH = 960;
const HEIGHT = 120;
const SORTS = ['files', 'network', 'programs', 'others'] as const;
const MOST_CALLS = 60;

/**
 * Tool calls above the events of the kernel, each in its own order. The format has no clock that both have, so nothing is
 * told of which was when.
 */
export function renderTimeline({ stretches, toolCalls }: ArchiveAccount, kernelEvents: number): Markup {
  const calls = toolCalls.shown.slice(0, MOST_CALLS);
  const left = toolCalls.total - calls.length;
  return markup`<ol class="calls" aria-label="tool calls in their order">${calls.map(
    ({ id, tool, decision, reported }) =>
      markup`<li class="call decision-${decisionClass(decision)}" title="${id}"><code>${tool}</code> ${decision ?? (reported.length > 0 ? 'reported only' : 'no decision')}</li>`,
  )}${left > 0 ? markup`<li class="call">and ${left} more</li>` : ''}</ol>
${calls.length === 0 ? markup`<p class="none">No tool calls are recorded.</p>` : ''}
${stretches.length === 0 ? markup`<p class="none">No kernel events are recorded.</p>` : renderBars(stretches, kernelEvents)}
<p class="note">Above, tool calls; below, kernel events; each in its own order, from first to last. The archive keeps no clock that both
share: what stands above each other did not need to happen at the same time.</p>`;
}

/** Decisions are words of the gate: those that are widely used get a colour. */
export function decisionClass(decision: string | null): string {
  if (decision === null) return 'none';
  if (/^(?:allow|allowed|permit|approve|approved)$/i.test(decision)) return 'allow';
  return /^(?:deny|denied|block|blocked|reject|rejected|refuse|refused)$/i.test(decision) ? 'deny' : 'other';
}

function renderBars(stretches: readonly Stretch[], events: number): Markup {
  const most = Math.max(...stretches.map(totalOf), 1);
  const width = WIDTH / stretches.length;
  const bars = stretches.map((stretch, place) => renderBar(stretch, place * width, width, most));
  const legend = SORTS.filter((sort) => stretches.some((stretch) => stretch[sort] > 0)).map(
    (sort) =>
      markup`<span class="key"><svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" class="sort-${sort}"/></svg> ${sort === 'others' ? 'other' : sort}</span>`,
  );
  return markup`<svg class="bars" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="kernel events in their order, by sort">${bars}</svg>
<p class="axis"><span>event 0</span><span class="legend">${legend}</span><span>event ${Math.max(0, events - 1)}</span></p>`;
}

function totalOf({ files, network, programs, others }: Stretch): number {
  return files + network + programs + others;
}

/** Rare sorts are at least a pixel high: a single connect must not vanish under thousands of opens. */
function renderBar(stretch: Stretch, x: number, width: number, most: number): Markup {
  let top = HEIGHT;
  const parts = SORTS.filter((sort) => stretch[sort] > 0).map((sort) => {
    const height = Math.max(sort === 'files' ? 1 : 4, (stretch[sort] / most) * (HEIGHT - 12));
    top -= height;
    return markup`<rect class="sort-${sort}" x="${round(x)}" y="${round(Math.max(0, top))}" width="${round(Math.max(0.5, width - 0.6))}" height="${round(height)}"/>`;
  });
  const words = SORTS.filter((sort) => stretch[sort] > 0).map((sort) => `${sort}: ${stretch[sort]}`);
  return markup`<g><title>from event ${stretch.from}: ${words.join(', ')}</title>${parts}</g>`;
}

function round(number: number): number {
  return Math.round(number * 100) / 100;
}
