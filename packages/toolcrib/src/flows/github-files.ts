import { appendFile } from 'node:fs/promises';
import { onDisk } from '../disk/storage-error.ts';
import { formatOutputs, isActionsRunner } from '../report/github-actions.ts';
import type { Host } from './host.ts';

/** True in a job of GitHub Actions. */
export function isGithubActions({ env }: Host): boolean {
  return isActionsRunner(env);
}

/**
 * Adds to what GitHub shows on the page of a run; nothing outside of one.
 * @param markdown ends with a newline.
 * @throws RemoteError `STORAGE`.
 */
export async function appendStepSummary(host: Host, markdown: string): Promise<void> {
  await append(host, 'GITHUB_STEP_SUMMARY', markdown);
}

/**
 * Sets outputs of a step, which later jobs read; nothing outside of one.
 * @param outputs as `formatOutputs` takes them.
 * @throws RemoteError `STORAGE`.
 */
export async function setStepOutputs(host: Host, outputs: Readonly<Record<string, string>>): Promise<void> {
  await append(host, 'GITHUB_OUTPUT', formatOutputs(outputs));
}

async function append({ env }: Host, variable: string, text: string): Promise<void> {
  const path = env[variable];
  if (path === undefined || path === '') return;
  await onDisk(`write (${variable})`, path, () => appendFile(path, text));
}
