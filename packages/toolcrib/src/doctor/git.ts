import { finding, type Finding } from './finding.ts';
import { askProgram, versionIn } from './programs.ts';

/** Whether git runs. @param isNeeded true for a project of one's own, whose state git tells. */
export async function examineGit(
  { path, isNeeded }: { readonly path: string; readonly isNeeded: boolean },
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const common = { group: 'toolcrib', subject: 'git' } as const;
  const answer = await askProgram(['git', '--version'], path, signal);
  if (answer.kind === 'answered') {
    const version = versionIn(answer.said) ?? null;
    return [finding({ ...common, state: 'ok', text: `git ${version ?? ''}`.trim(), facts: { version } })];
  }
  const why = answer.kind === 'absent' ? 'it is not installed' : `it does not run: ${answer.said}`;
  const text = `${why}; an edited checkout cannot be told from one that is not, and "check" does not work`;
  return [finding({ ...common, state: isNeeded ? 'warning' : 'note', text, remedy: 'install git' })];
}
