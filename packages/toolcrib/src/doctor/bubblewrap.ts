import { finding, type Finding } from './finding.ts';
import { askProgram, versionIn } from './programs.ts';

/** Whether programs of `local:DIR` can be isolated: tried with a program that does nothing. */
export async function examineBubblewrap(path: string, signal: AbortSignal): Promise<readonly Finding[]> {
  const common = { group: 'local', subject: 'bubblewrap' } as const;
  const asked = await askProgram(['bwrap', '--version'], path, signal);
  if (asked.kind !== 'answered') {
    const text = 'it is not installed: programs of local:DIR are not isolated';
    return [finding({ ...common, state: 'note', text, remedy: 'install bubblewrap' })];
  }
  const version = versionIn(asked.said) ?? null;
  const name = `bubblewrap ${version ?? ''}`.trim();
  const tried = await askProgram(
    ['bwrap', '--unshare-all', '--unshare-user', '--die-with-parent', '--ro-bind', '/', '/', '/bin/sh', '-c', ':'],
    path,
    signal,
  );
  if (tried.kind === 'answered') {
    return [finding({ ...common, state: 'ok', text: `${name} isolates programs of local:DIR`, facts: { version } })];
  }
  const said = tried.kind === 'failed' ? tried.said.split('\n')[0] : '';
  const text = `${name} does not work here, so that programs of local:DIR are not isolated: ${said ?? ''}`;
  const remedy = 'let this user make namespaces: kernel.unprivileged_userns_clone, AppArmor';
  return [finding({ ...common, state: 'warning', text, remedy, facts: { version } })];
}
