import { printable } from '../core/printable.ts';
import { formatTable } from './table.ts';
import { truncate, wrap } from './width.ts';

/** A decision and why. */
export interface ClaimFact {
  readonly decision: string;
  readonly reasons: readonly { readonly rule: string; readonly text: string }[];
}

/** What may be claimed from an archive: the claim report of a run fits it. */
export interface ClaimFacts {
  readonly verdict: string;
  readonly measured: readonly {
    readonly dimension: string;
    readonly class: string;
    readonly positive: ClaimFact;
    readonly exhaustive: ClaimFact;
    readonly absence: ClaimFact;
  }[];
  readonly reported: { readonly policy: ClaimFact; readonly sdk: ClaimFact };
  readonly per_binding: ClaimFact;
}

const WIDTH = 80;
const MOST_CHARACTERS = 2000;

/** Things that somebody could want to claim of one subject, decided alike. */
interface DecidedClaims {
  readonly decision: string;
  /** In words. */
  readonly claims: readonly string[];
  readonly reasons: readonly string[];
}

/** Every claim that the gate decides about: those of one class together, where they are decided alike. */
function decidedClaims(facts: ClaimFacts): readonly DecidedClaims[] {
  const measured = facts.measured.flatMap(({ class: name, positive, exhaustive, absence }) =>
    mergedBy(
      [
        decided('these were observed', positive),
        decided('there were no others', exhaustive),
        decided('a certain one did not happen', absence),
      ],
      (claims) => [`${name}: ${claims.join('; ')}`],
    ),
  );
  const others = [
    decided('this is what the policy decided', facts.reported.policy),
    decided('this is what the agent SDK told of itself', facts.reported.sdk),
    decided('this effect belongs to that tool call', facts.per_binding),
  ];
  return mergedBy([...measured, ...others], (claims) => claims);
}

function decided(claim: string, { decision, reasons }: ClaimFact): DecidedClaims {
  return { decision, claims: [claim], reasons: [...new Set(reasons.map(({ text }) => text))] };
}

/** Makes one of all that are decided alike for the same reasons. */
function mergedBy(
  all: readonly DecidedClaims[],
  join: (claims: readonly string[]) => readonly string[],
): readonly DecidedClaims[] {
  const groups = new Map<string, DecidedClaims[]>();
  for (const each of all) {
    const key = JSON.stringify([each.decision, each.reasons]);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ ...first, claims: join(group.flatMap(({ claims }) => claims)) }];
  });
}

/**
 * What the record and what could be seen support together, in one sentence: the words are the table's. Where classes are
 * decided differently, it has all of their decisions.
 */
export function claimSummary({ measured, reported, per_binding }: ClaimFacts): string {
  const over = (claim: (row: ClaimFacts['measured'][number]) => ClaimFact): string =>
    rangeOf(measured.map((row) => claim(row).decision));
  const parts = [
    `these happened: ${over(({ positive }) => positive)}`,
    `no others: ${over(({ exhaustive }) => exhaustive)}`,
    `it did not happen: ${over(({ absence }) => absence)}`,
    `policy decisions: ${reported.policy.decision}`,
    `reports of the SDK: ${reported.sdk.decision}`,
    `by tool call: ${per_binding.decision}`,
  ];
  return `${parts.join('; ')} (what of which, and why: archive show --claims)`;
}

const FROM_STRICT: readonly string[] = ['blocked', 'degraded', 'allowed'];

/** The strictest first: who reads no further has not read too much. */
function rangeOf(decisions: readonly string[]): string {
  const found = FROM_STRICT.filter((decision) => decisions.includes(decision));
  return found.length === 0 ? 'blocked' : found.join(' or ');
}

/** A table for who wants to know at a glance: one row a class. */
export function claimTable(claims: ClaimFacts): string {
  const columns = ['what', 'these happened', 'no others', 'it did not happen'].map((title) => ({ title }));
  const measured = claims.measured.map((row) => [
    row.class,
    row.positive.decision,
    row.exhaustive.decision,
    row.absence.decision,
  ]);
  const reported = [
    ['policy decisions', claims.reported.policy.decision],
    ['reports of the SDK', claims.reported.sdk.decision],
    ['by tool call', claims.per_binding.decision],
  ];
  return formatTable(columns, [...measured, ...reported], { width: WIDTH });
}

const HEADINGS: readonly (readonly [decision: string, heading: string])[] = [
  ['allowed', 'may be claimed'],
  ['degraded', 'may be claimed only with its limits told'],
  ['blocked', 'must not be claimed'],
];

/** The text of `archive show --claims`: what may be claimed and what not, and why. At most 80 characters a line. */
export function describeClaims(claims: ClaimFacts | undefined, isRefused: boolean): string {
  if (isRefused) return 'Nothing may be claimed: the archive is refused (see "toolcrib archive verify").\n';
  if (claims === undefined) return 'Nothing may be claimed: observation health could not be read.\n';
  const all = decidedClaims(claims);
  const blocks = HEADINGS.flatMap(([decision, heading]) => {
    const chosen = all.filter((each) => each.decision === decision);
    return chosen.length === 0 ? [] : [`${heading}\n${chosen.map(describeDecided).join('')}`];
  });
  const verdict = `verdict: ${claims.verdict}, which is about the record as a whole; what it supports:\n`;
  return [verdict, ...blocks].join('\n');
}

function describeDecided({ claims, reasons }: DecidedClaims): string {
  const what = claims.flatMap((claim) => hanging(claim, '  ', '    '));
  const why = reasons.flatMap((reason) =>
    hanging(`because ${printable(truncate(reason, MOST_CHARACTERS))}`, '      ', '        '),
  );
  return [...what, ...why].map((line) => `${line}\n`).join('');
}

function hanging(text: string, first: string, next: string): readonly string[] {
  return wrap(text, WIDTH - next.length).map((line, index) => (index === 0 ? first : next) + line);
}
