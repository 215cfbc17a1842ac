import type { BuildSource } from './attestation.ts';

/** Of an artifact that nobody knows the origin of. */
export const UNKNOWN_SOURCE: BuildSource = { repository: null, workflow: null, ref: null, commit: null, run: null };

/**
 * Where a job of GitHub Actions builds: variables as in
 * https://docs.github.com/en/actions/reference/workflows-and-actions/variables.
 * @param env the environment, handed in.
 * @returns undefined outside of GitHub Actions.
 */
export function buildSourceFromEnv(env: Readonly<Record<string, string | undefined>>): BuildSource | undefined {
  const read = (name: string): string | null => env[name] || null;
  const name = read('GITHUB_REPOSITORY');
  if (env['GITHUB_ACTIONS'] !== 'true' || name === null) return undefined;
  const repository = `${read('GITHUB_SERVER_URL') ?? 'https://github.com'}/${name}`;
  const id = read('GITHUB_RUN_ID');
  return {
    repository,
    workflow: workflowPath(read('GITHUB_WORKFLOW_REF'), name),
    ref: read('GITHUB_REF'),
    commit: read('GITHUB_SHA'),
    // Who knows better which commit the sources stand at replaces the other one; a certificate names this one.
    workflowCommit: read('GITHUB_SHA'),
    run: id && `${repository}/actions/runs/${id}/attempts/${read('GITHUB_RUN_ATTEMPT') ?? '1'}`,
  };
}

/** Of `OWNER/REPO/.github/workflows/x.yml@refs/heads/main` the path; null when it is not of that repository. */
function workflowPath(workflowRef: string | null, repository: string): string | null {
  if (workflowRef?.startsWith(`${repository}/`) !== true) return null;
  return workflowRef.slice(repository.length + 1).split('@')[0] ?? null;
}
