import { wrapIndented } from './width.ts';

/** What a person is told about an ejection: the result of `ejectTool` fits it. */
export interface EjectionFacts {
  readonly sandbox: string;
  readonly tool: string;
  /** Of whose component it is; what it is placed as is told nobody. */
  readonly extension?: string;
  readonly versions: readonly number[] | null;
  readonly directories: readonly {
    readonly directory: string;
    readonly kind: string;
    readonly outcome: string;
    readonly reason: string | null;
  }[];
}

const WIDTH = 80;

/** The text of `eject`: a line for each directory, and why one is still there. */
export function describeEjection(ejection: EjectionFacts): string {
  const { sandbox, directories } = ejection;
  if (directories.length === 0) return `nothing of ${subjectOf(ejection)} is known to be in ${sandbox}\n`;
  return directories
    .flatMap(({ directory, kind, outcome, reason }) => {
      const line = `${OUTCOMES[outcome] ?? outcome}  ${directory}${KINDS[kind] ?? ''}`;
      return reason === null ? [line] : [line, ...wrapIndented(reason, WIDTH, ' '.repeat(9))];
    })
    .map((line) => `${line}\n`)
    .join('');
}

function subjectOf({ tool, extension = tool, versions }: EjectionFacts): string {
  return versions === null ? extension : `${tool} ${versions.map((version) => `v${version}`).join(', ')}`;
}

/** Of one width. */
const OUTCOMES: Readonly<Record<string, string>> = { removed: 'removed', absent: 'absent ', left: 'left   ' };

const KINDS: Readonly<Record<string, string>> = {
  replaced: ' (another one took its place, and it was not used any more)',
  leftover: ' (an unfinished injection or an earlier eject left it)',
};
