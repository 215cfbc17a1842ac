import { SandboxError } from '../../core/errors.ts';
import { removeBelow } from '../../disk/remove-below.ts';
import { hostPathOf } from './host-path.ts';

/**
 * Removes a directory of the sandbox and all that is in it; one that is not there is fine. Programs of the sandbox may run
 * as the same user in namespaces of their own, and lead it nowhere by links. Where nothing isolates programs they gain nothing by it.
 * @param root absolute path of the sandbox's directory.
 * @param path absolute, in the sandbox's own terms.
 * @param signal is looked at before each entry: somebody may make more of them while they are removed.
 * @throws SandboxError `NOT_INJECTABLE` for a link on the way; RemoteError `STORAGE`; the signal's reason.
 */
export async function removeTree(root: string, path: string, signal?: AbortSignal): Promise<void> {
  const host = await hostPathOf(root, path);
  if (host === root) throw new SandboxError('NOT_INJECTABLE', 'a sandbox is not removed as a whole');
  await removeBelow(root, host, signal);
}
