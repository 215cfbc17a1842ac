import type { GitSetting } from './git-environment.ts';

/** What `git lfs install --local` writes: known programs, without which large files would look changed. */
const GIT_LFS: readonly string[] = [
  'git-lfs clean -- %f',
  'git-lfs smudge -- %f',
  'git-lfs smudge --skip -- %f',
  'git-lfs filter-process',
  'git-lfs filter-process --skip',
];
/** Whose configuration files are not the repository's. */
const OF_THE_USER = ['system', 'global', 'command'];

/**
 * Settings that turn off the filters which a repository's own configuration brings: git runs them on files that look
 * changed, and no option turns them off. Those of the user stay, and so does git-lfs.
 * @param output of `git config --show-scope --null --get-regexp '^filter\.'`.
 */
export function disabledFilters(output: string): readonly GitSetting[] {
  const fields = output.split('\0');
  const settings: GitSetting[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [key = '', ...value] = (fields[at + 1] ?? '').split('\n');
    if (OF_THE_USER.includes(fields[at] ?? '') || GIT_LFS.includes(value.join('\n'))) continue;
    if (/\.(?:clean|smudge|process)$/.test(key)) settings.push([key, '']);
    if (key.endsWith('.required')) settings.push([key, 'false']);
  }
  return settings;
}
