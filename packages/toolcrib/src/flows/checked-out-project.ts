import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { verifyIsFile, verifyPlace } from '../check/project-place.ts';
import { openRepository } from '../git/repository.ts';
import type { Host } from './host.ts';
import { configPathOf, openProject, type Project } from './project.ts';

/**
 * Opens a project as `openProject` does, of a checkout that may be anybody's: its configuration is a file of the work
 * tree, for a link in its place, or on the way to it, would have something else of this machine read and quoted.
 * @throws UsageError `USAGE` without git, `CONFIG_INVALID`; NotFoundError `NOT_FOUND`; RemoteError `STORAGE`; the signal's
 * reason.
 */
export async function openCheckedOutProject(host: Host, options: { config?: string } = {}): Promise<Project> {
  const path = configPathOf(host, options);
  if (path !== undefined && existsSync(path)) {
    await verifyIsFile(path);
    await verifyPlace(path, await openRepository(dirname(path), { env: host.env, signal: host.signal }));
  }
  return await openProject(host, options);
}
