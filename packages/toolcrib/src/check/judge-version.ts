import { formatVersionFile } from '../core/version.ts';
import type { RequiredVersion } from './required-version.ts';
import { ruleResult, type RuleResult } from './rule.ts';

/** A version file as it stands somewhere. */
export type VersionReading =
  | { readonly version: number; readonly text: string }
  /** Why it holds no version. */
  | { readonly problem: string };

export interface VersionFacts {
  /** From the top of the repository. */
  readonly file: string;
  readonly head: VersionReading;
  /** What the change began with; undefined when there was no version yet. */
  readonly base: { readonly version: number; readonly text: string } | undefined;
  /** Whether anything that ships changed. */
  readonly changed: boolean;
  readonly required: RequiredVersion;
}

/** The version moves exactly when what ships does, and by as little as it may. */
export function judgeVersion(facts: VersionFacts): RuleResult {
  const { file, head, base, required } = facts;
  const todo = `write ${required.version} and a newline to ${file}: "toolcrib check --fix" does${orPinIt(facts)}`;
  const failed = (message: string): RuleResult => ruleResult('version', 'failed', message, { todo, file });
  if ('problem' in head) return failed(head.problem);
  if (head.version !== required.version) return failed(whatIsWrong(head.version, facts));
  if (head.text !== base?.text && head.text !== formatVersionFile(head.version)) {
    return failed(`${file} does not hold exactly one integer and a newline`);
  }
  return ruleResult('version', 'ok', whatIsRight(facts), { file });
}

/** Whether a release is this change's own can only be told by its pins. */
function orPinIt({ head, required }: VersionFacts): string {
  if ('problem' in head || !required.taken.some(({ version }) => version === head.version)) return '';
  return `; if v${head.version} there is the release of exactly these sources, commit the sums file that pins it instead`;
}

function whatIsWrong(version: number, { base, changed, required }: VersionFacts): string {
  const wanted = `v${required.version}${reasons(required)}`;
  if (base === undefined) return `v${version} cannot be the first version: ${wanted} is free`;
  if (version < base.version) return `version decrease: v${version}, the base has v${base.version}; expected ${wanted}`;
  if (!changed) return `unexpected version bump: v${version}, though nothing that ships changed since ${wanted}`;
  const what = version === base.version ? 'missing' : 'incorrect';
  return `${what} version bump: v${version}, but what ships changed since v${base.version}; expected ${wanted}`;
}

function whatIsRight({ base, changed, required }: VersionFacts): string {
  if (base === undefined) return `v${required.version}, the first version${reasons(required)}`;
  if (!changed) return `v${required.version}, as on the base`;
  return `v${required.version}, after v${base.version}${reasons(required)}`;
}

/** Why it is not a lower one, and what nobody could tell. */
function reasons({ taken, unasked }: RequiredVersion): string {
  const said = [
    ...taken.map(({ version, stores }) => `v${version} is taken in ${stores.join(', ')}`),
    ...(unasked.length === 0 ? [] : [`not asked: ${unasked.join(', ')}`]),
  ];
  return said.length === 0 ? '' : ` (${said.join('; ')})`;
}
