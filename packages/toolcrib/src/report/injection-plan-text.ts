import { wrap, wrapIndented } from './width.ts';
import { formatSize } from './size.ts';

/** What a person is told about a plan: the result of `planInjection` fits it. */
export interface InjectionPlanFacts {
  readonly sandbox: string;
  readonly evidence: readonly string[];
  readonly target: string | null;
  readonly placed: { readonly target: string; readonly directory: string; readonly protection: string } | null;
  readonly possible: boolean;
  readonly targets: readonly {
    readonly target: string;
    readonly usable: boolean;
    readonly reason: string;
    readonly tier: string | null;
    readonly where: string | null;
    /** In bytes; null where nobody told. */
    readonly size: number | null;
  }[];
  readonly ways: readonly {
    readonly rung: string;
    readonly parent: string;
    readonly usable: boolean;
    readonly reason: string;
  }[];
}

const WIDTH = 80;
const INDENT = '    ';

/** The text of `inject --plan`: every target and every way in order, usable or not, and why. */
export function describeInjectionPlan(plan: InjectionPlanFacts): string {
  const { sandbox, evidence, targets, ways } = plan;
  return [
    ...wrap(`${sandbox}: ${outcomeOf(plan)}`, WIDTH),
    ...indented(evidence.join('; ')),
    '',
    'Targets, in the order in which they are tried:',
    ...targets.flatMap(({ target, usable, reason, ...found }, index) => [
      `${index + 1}. ${target}: ${usable ? 'usable' : 'not usable'}`,
      ...indented(reason),
      ...indented(placeOf(found)),
    ]),
    '',
    'Ways, in the order in which they are tried:',
    ...ways.flatMap(({ rung, parent, usable, reason }, index) => [
      `${index + 1}. ${rung} in ${parent}: ${usable ? 'usable' : 'not usable'}`,
      ...indented(reason),
    ]),
    '',
  ].join('\n');
}

function outcomeOf({ target, placed, possible, ways }: InjectionPlanFacts): string {
  if (placed !== null) return `${placed.target} is in ${placed.directory} already (${placed.protection})`;
  const way = ways.find(({ usable }) => usable);
  if (!possible || target === null || way === undefined) {
    return target === null ? 'no target is usable' : 'no way is usable';
  }
  if (way.rung === 'mount') return `${target} is mounted at ${way.parent}, and would be proven there`;
  return `${target} would be placed by ${way.rung} in ${way.parent}`;
}

function placeOf({
  tier,
  where,
  size,
}: Pick<InjectionPlanFacts['targets'][number], 'tier' | 'where' | 'size'>): string {
  if (tier === null) return '';
  return `from the tier "${tier}"${size === null ? '' : `, ${formatSize(size)}`}${where === null ? '' : `: ${where}`}`;
}

function indented(text: string): readonly string[] {
  return wrapIndented(text, WIDTH, INDENT);
}
