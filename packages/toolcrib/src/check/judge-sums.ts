import { hasCode } from '../core/errors.ts';
import { coverageOf, type WholeRelease } from '../core/sums-coverage.ts';
import { parseSums, type Sums } from '../core/sums.ts';
import { ruleResult, type RuleResult } from './rule.ts';

/**
 * What came of the sources since the sums were written, by the commit that wrote them:
 * `current`: nothing, and that commit changed none; `together`: that commit changed sources or the version too, nothing since;
 * `stale`: sources changed after it; `uncommitted`: the sums are not committed; `none`: no commit of the change wrote them.
 */
export type Freshness =
  | { readonly kind: 'none' | 'uncommitted' }
  | { readonly kind: 'current' | 'together' | 'stale'; readonly commit: string; readonly parent: string | undefined };

export interface SumsFacts {
  /** From the top of the repository. */
  readonly file: string;
  /** What is pinned now; undefined without a sums file. */
  readonly head: string | undefined;
  /** Why it cannot be read, if it cannot. */
  readonly problem: string | undefined;
  /** What the change began with; undefined when there were no sums. */
  readonly base: string | undefined;
  /** With the version that is required, so that a wrong version file is told once only. */
  readonly shape: WholeRelease;
  /** True when the required version is another than the base's. */
  readonly bumped: boolean;
  readonly freshness: Freshness;
}

/** What the sums rule says, and what is pinned for the required version where that is right. */
export interface SumsJudgement {
  readonly result: RuleResult;
  readonly pins: Sums | undefined;
}

/** Pins are rewritten exactly when the version moves, for exactly the targets of exactly that version. */
export function judgeSums(facts: SumsFacts): SumsJudgement {
  const { problem, file } = facts;
  if (problem !== undefined) {
    const todo = 'put a regular file there';
    return { result: ruleResult('sums', 'failed', problem, { todo, file }), pins: undefined };
  }
  return facts.bumped ? judgeRewritten(facts) : judgeUnchanged(facts);
}

function judgeUnchanged({ head, base, file, shape }: SumsFacts): SumsJudgement {
  const pins = typeof head === 'string' ? readPins(head, file, shape) : undefined;
  const sums = pins instanceof Map ? pins : undefined;
  const say = (outcome: RuleResult['outcome'], message: string, todo?: string): SumsJudgement => ({
    result: ruleResult('sums', outcome, message, { file, ...(todo !== undefined && { todo }) }),
    pins: outcome === 'ok' ? sums : undefined,
  });
  if (head === base) return say('ok', head === undefined ? 'nothing is pinned, as on the base' : 'as on the base');
  const restore = `restore ${file} as it is on the base: "toolcrib check --fix" does. Pins of a published version never change; wrong ones are mended by the next version`;
  if (head === undefined) return say('failed', `${file} was removed, but the version did not change`, restore);
  if (base !== undefined) return say('failed', `${file} changed, but the version did not`, restore);
  if (typeof pins === 'string') return say('failed', pins, `pin exactly what is published as v${shape.version}`);
  return say('ok', `pins v${shape.version} for the first time`);
}

function judgeRewritten({ head, base, file, shape, freshness }: SumsFacts): SumsJudgement {
  const fail = (message: string, todo = HOW_TO_GET_SUMS): SumsJudgement => ({
    result: ruleResult('sums', 'failed', message, { todo, file }),
    pins: undefined,
  });
  if (head === undefined) return fail(`${file} is not there: it has to pin v${shape.version}`);
  if (head === base) return fail(`${file} was not rewritten: it has to pin v${shape.version}`);
  const pins = readPins(head, file, shape);
  if (typeof pins === 'string') return fail(pins);
  if (freshness.kind === 'stale') {
    const since = freshness.commit.slice(0, SHORT);
    return fail(`what ships changed after ${file} was written by ${since}: it pins the bytes of older sources`);
  }
  return {
    result: ruleResult(
      'sums',
      'ok',
      `pins ${pins.size} ${pins.size === 1 ? 'artifact' : 'artifacts'} of v${shape.version}`,
      { file },
    ),
    pins,
  };
}

const SHORT = 12;
const HOW_TO_GET_SUMS =
  'CI computes them: "toolcrib fetch --run ID --sums", and commit the file; or "toolcrib build" and "toolcrib publish" here';

/**
 * The pins of a release.
 * @returns why they are none when a text does not pin exactly its artifacts.
 */
export function readPins(text: string, file: string, release: WholeRelease): Sums | string {
  const sums = parsed(text, file);
  if (typeof sums === 'string') return sums;
  const { isExact, missing, foreign } = coverageOf(sums, release);
  if (isExact) return sums;
  const said = [
    ...(missing.length === 0 ? [] : [`does not pin ${missing.join(', ')}`]),
    ...(foreign.length === 0 ? [] : [`pins ${foreign.join(', ')}`]),
  ];
  return `${file} ${said.join(' and ')}: it has to pin exactly the targets of v${release.version}`;
}

function parsed(text: string, file: string): Sums | string {
  try {
    return parseSums(text, file);
  } catch (error) {
    if (hasCode(error, 'SUMS_INVALID')) return withoutContent(error.message);
    throw error;
  }
}

/** A check may be of a stranger's change: where the file is wrong is told, not what stands there instead of sums. */
function withoutContent(message: string): string {
  return message.replace(/, found [^]*$/, '');
}
