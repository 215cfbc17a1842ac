import { finding, type Finding } from './finding.ts';

/**
 * Whether GitHub itself keeps what is published in a repository, by the newest release there.
 * @param subject the store.
 */
export function immutabilityFindings(
  subject: string,
  newest: { readonly tag: string; readonly immutable: boolean | undefined } | undefined,
): readonly Finding[] {
  const common = { group: 'stores', subject } as const;
  if (newest === undefined) {
    return [finding({ ...common, state: 'note', text: 'whether releases are immutable shows with the first one' })];
  }
  const { tag, immutable } = newest;
  const facts = { tag, immutable: immutable ?? null };
  if (immutable === undefined) {
    const text = `the server does not tell whether the newest release, ${tag}, is immutable`;
    return [finding({ ...common, state: 'note', text, facts })];
  }
  if (immutable) {
    const text = `the newest release, ${tag}, is immutable: GitHub itself keeps it as it is`;
    return [finding({ ...common, state: 'ok', text, facts })];
  }
  return [
    finding({
      ...{ ...common, state: 'warning', facts },
      text: `the newest release, ${tag}, is not immutable: who may write there can replace its files, which pins detect`,
      remedy: 'turn on immutable releases in the settings of the repository; they count for later releases',
    }),
  ];
}
