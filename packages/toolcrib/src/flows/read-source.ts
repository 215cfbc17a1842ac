import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProjectConfig } from '../config/config.ts';
import type { ReleaseManifest } from '../core/release.ts';
import type { Host } from './host.ts';

const NOBODY_KNOWS: ReleaseManifest['source'] = { commit: null, date: null };

/**
 * The commit that a project's sources stand at and its date; null where git cannot tell (no work tree, no git), and
 * where the sources differ from that commit: then they are not what it says.
 */
export async function readSource(config: ProjectConfig, host: Host): Promise<ReleaseManifest['source']> {
  const sources = config.sources.length === 0 ? ['.', `:(exclude)${config.sumsFile}`] : config.sources;
  try {
    if ((await git(config, host, 'status', '--porcelain', '--', ...sources)) !== '') return NOBODY_KNOWS;
    const [commit, date] = (await git(config, host, 'show', '--no-patch', '--format=%H %cI', 'HEAD')).split(' ');
    return { commit: commit ?? null, date: date ?? null };
  } catch {
    host.signal?.throwIfAborted();
    return NOBODY_KNOWS;
  }
}

async function git({ folder }: ProjectConfig, { env, signal }: Host, ...args: readonly string[]): Promise<string> {
  const options = { cwd: folder, env: { ...env }, ...(signal !== undefined && { signal }) };
  return (await promisify(execFile)('git', args, options)).stdout.trim();
}
