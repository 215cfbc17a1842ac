import { finding, type Finding } from './finding.ts';

/**
 * Whether running containers may get what is in the cache as a mount: as far as this machine goes, seen and not tried.
 * @param directory of the cache.
 * @param seen whether this process is root's on Linux; why no tree of the cache may be mounted, undefined when one may.
 */
export function mountFinding(
  directory: string,
  { isLinuxRoot, refusal }: { readonly isLinuxRoot: boolean; readonly refusal: string | undefined },
): Finding {
  const common = { group: 'cache', subject: 'mounts', facts: { directory, refusal: refusal ?? null } } as const;
  if (!isLinuxRoot) {
    const text = 'running containers get copies of what is in the cache: only root of a Linux machine mounts it there';
    return finding({ ...common, state: 'note', text });
  }
  if (refusal === undefined) {
    const text =
      'nothing of this machine stands against mounting what is in the cache, read-only, in running containers';
    return finding({ ...common, state: 'ok', text });
  }
  const text = `running containers get copies of what is in the cache, which root in them can change: ${refusal}`;
  const remedy =
    'name a directory of root that others cannot write and programs can be started from: TOOLCRIB_CACHE_DIR';
  return finding({ ...common, state: 'warning', text, remedy });
}
