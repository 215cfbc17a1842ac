import { join } from 'node:path';
import { createHost, type Host } from '../../../src/flows/host.ts';
import { lockExtensions, type LockOptions, type PackLock } from '../../../src/flows/lock-extensions.ts';
import { openProject } from '../../../src/flows/project.ts';
import { resolveExtension, type ResolveExtensionOptions } from '../../../src/flows/resolve-extension.ts';
import type { ResolvedComponent } from '../../../src/extensions/component.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

/** The directory of a pack, with a cache of its own. */
export interface ExtensionSite extends ScratchProject {
  /** Absolute. */
  readonly cache: string;
  /** What was told while something was resolved. */
  readonly notices: readonly string[];
  /** What was measured meanwhile; sizes in bytes. */
  readonly progress: readonly MeasuredWork[];
  host(more?: HostSettings): Host;
  /** Resolves the component of an extension. */
  resolve(id: string, more?: HostSettings & ResolveExtensionOptions): Promise<ResolvedComponent>;
  lock(more?: HostSettings & LockOptions): Promise<PackLock>;
}

interface MeasuredWork {
  readonly label: string;
  readonly total: number | undefined;
  came: number;
  ended: boolean;
}

interface HostSettings {
  readonly env?: Readonly<Record<string, string>>;
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
}

/** Quick to give up. */
const PATIENCE = { retry: { attempts: 3, firstWaitMs: 5, longestWaitMs: 20 }, connectTimeoutMs: 2000 };

/** @param files by relative path, as of {@link scratchProject}. */
export async function extensionSite(files: Readonly<Record<string, unknown>> = {}): Promise<ExtensionSite> {
  const site = await scratchProject(files);
  const notices: string[] = [];
  const progress: MeasuredWork[] = [];
  const reporter = {
    notice: ({ text }: { readonly text: string }) => void notices.push(text),
    progress(label: string, total: number | undefined) {
      const work: MeasuredWork = { label, total, came: 0, ended: false };
      progress.push(work);
      return { advance: (bytes: number) => void (work.came += bytes), end: () => void (work.ended = true) };
    },
  };
  const cache = join(site.folder, 'cache');
  const host = ({ env = {}, offline = false, signal }: HostSettings = {}): Host =>
    createHost({
      cwd: site.folder,
      env: { HOME: site.folder, ...env },
      cacheDirectory: cache,
      patience: PATIENCE,
      reporter,
      offline,
      ...(signal && { signal }),
    });
  return {
    ...site,
    cache,
    notices,
    progress,
    host,
    async resolve(id, more = {}) {
      const machine = host(more);
      return await resolveExtension(await openProject(machine), machine, `ext://${id}#component`, more);
    },
    async lock(more = {}) {
      const machine = host(more);
      return await lockExtensions(await openProject(machine), machine, more);
    },
  };
}
