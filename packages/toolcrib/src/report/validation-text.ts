import { printable } from '../core/printable.ts';
import { formatTable, type TableOptions } from './table.ts';
import { wrap } from './width.ts';

/** What a person is told about a validation: the result of `validateTool` fits it. */
export interface ValidationFacts {
  readonly tool: string;
  readonly version: number;
  /** True: local builds that no pin vouches for. */
  readonly dev: boolean;
  readonly engine: string;
  readonly results: readonly {
    readonly image: string;
    readonly target: string | null;
    readonly user: string | null;
    readonly outcome: string;
    readonly rung: string | null;
    readonly protection: string | null;
    readonly reason: string;
    readonly hint: string | null;
  }[];
}

type Line = ValidationFacts['results'][number];

const WIDTH = 80;

/** The text of `validate`: a table of what was tried, then why something failed or was not tried. */
export function describeValidation(
  { tool, version, dev, engine, results }: ValidationFacts,
  options: TableOptions = {},
): string {
  const tried = results.filter(({ outcome }) => outcome !== 'unfit');
  const failed = results.filter(({ outcome }) => outcome === 'failed');
  const unfit = results.filter(({ outcome }) => outcome === 'unfit');
  const passed = tried.length - failed.length;
  return [
    tried.length === 0 ? '' : formatTable(COLUMNS, tried.map(rowOf), options),
    ...byReason(failed).map((group) => paragraph('failed', group)),
    ...byReason(unfit).map((group) => paragraph('not tried', group)),
    lines([`${tool} v${version}${dev ? '-dev' : ''} at ${engine}: ${passed} passed, ${failed.length} failed`]),
    dev ? 'the artifacts are local builds that no pin vouches for\n' : '',
    tried.length === 0 ? 'nothing was validated: no target that was asked about fits an image\n' : '',
  ].join('');
}

const COLUMNS = [
  { title: 'IMAGE', ownLine: true },
  { title: 'TARGET' },
  { title: 'USER' },
  { title: 'RESULT' },
  { title: 'BY' },
  { title: 'PROTECTION' },
] as const;

function rowOf({ image, target, user, outcome, rung, protection }: Line): readonly string[] {
  return [image, target ?? '-', user ?? '-', outcome, rung ?? '-', protection ?? '-'];
}

type Group = readonly [Line, ...Line[]];

/** One cause often has many effects: an artifact that is not published, a libc that no image has. */
function byReason(all: readonly Line[]): readonly Group[] {
  const groups = new Map<string, [Line, ...Line[]]>();
  for (const line of all) {
    const key = JSON.stringify([line.reason, line.hint]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [line]);
    else group.push(line);
  }
  return [...groups.values()];
}

/** A reason may have lines of its own: every way that was tried has one. */
function paragraph(what: string, group: Group): string {
  const [{ reason, hint }] = group;
  const hints = hint === null ? [] : [`hint: ${hint}`];
  return lines([`${what}: ${group.map(nameOf).join(', ')}`]) + lines([...reason.split('\n'), ...hints], '  ');
}

/** E.g. `debian:12 amd64 as root`. */
function nameOf({ image, target, user }: Line): string {
  return [image, ...(target === null ? [] : [target]), ...(user === null ? [] : [`as ${user}`])].join(' ');
}

function lines(texts: readonly string[], indent = ''): string {
  return texts
    .flatMap((text) => wrap(printable(text.trim()), WIDTH - indent.length))
    .map((line) => `${indent}${line}\n`)
    .join('');
}
