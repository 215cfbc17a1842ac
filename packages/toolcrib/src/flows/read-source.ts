import { sourcePathspecs } from '../check/source-pathspecs.ts';
import type { ProjectConfig } from '../config/config.ts';
import type { ReleaseManifest } from '../core/release.ts';
import { ToolcribError } from '../core/errors.ts';
import { literalPathspec } from '../git/pathspec.ts';
import { openRepository } from '../git/repository.ts';
import type { Host } from './host.ts';

const NOBODY_KNOWS: ReleaseManifest['source'] = { commit: null, date: null };

/**
 * The commit that a project's sources stand at and its date; null where git cannot tell (no work tree, no git), and
 * where sources, version or configuration differ from that commit: then they are not what it says.
 */
export async function readSource(config: ProjectConfig, host: Host): Promise<ReleaseManifest['source']> {
  try {
    const repository = await openRepository(config.folder, { env: host.env, signal: host.signal });
    const head = await repository.readCommit('HEAD');
    if (head === undefined) return NOBODY_KNOWS;
    const sources = sourcePathspecs(config, (path) => repository.pathInTree(path) !== undefined);
    const own = [config.file, config.versionFile].flatMap((path) => repository.pathInTree(path) ?? []);
    const [changed, changedOwn] = await Promise.all([
      repository.changedPaths(head.id, undefined, sources),
      repository.changedPaths(head.id, undefined, own.map(literalPathspec)),
    ]);
    return changed.length + changedOwn.length > 0 ? NOBODY_KNOWS : { commit: head.id, date: head.date };
  } catch (error) {
    host.signal?.throwIfAborted();
    if (error instanceof ToolcribError) return NOBODY_KNOWS;
    throw error;
  }
}
