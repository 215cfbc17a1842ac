import type { ToolPins } from '../config/config.ts';
import { ejectTool as eject, type EjectedDirectory } from '../inject/eject-tool.ts';
import type { Host } from './host.ts';
import { openSandbox } from './open-sandbox.ts';
import type { Project } from './project.ts';

/** From where what is taken away. */
export interface EjectOptions {
  /** Reference of the sandbox. */
  readonly sandbox: string;
  /** Versions of the project's tool, or all of them. Default: the project's own version. */
  readonly versions?: readonly number[] | 'all';
}

/** What was taken away of a sandbox, and what was not. */
export interface Ejection {
  /** Reference of the sandbox. */
  readonly sandbox: string;
  readonly tool: string;
  /** Null: all of them. */
  readonly versions: readonly number[] | null;
  /** Every directory that was known to be there, and every mount that the sandbox was made with; empty when there was nothing. */
  readonly directories: readonly EjectedDirectory[];
}

/**
 * Takes a project's tool out of a sandbox again, and what interrupted injections left there. Programs that run from
 * there are not ended.
 * @throws as `inject/eject-tool.ts`; as {@link openSandbox}; UsageError `VERSION_INVALID`.
 */
export async function ejectTool(project: Project, host: Host, options: EjectOptions): Promise<Ejection> {
  const { tool, version } = await subjectOf(project);
  const { versions = [version] } = options;
  const sandbox = await openSandbox(host, options.sandbox);
  try {
    const { ledgerDirectory: ledger, clock, reporter, signal } = host;
    const wanted = versions === 'all' ? undefined : versions;
    const request = { sandbox, tool, versions: wanted, ledger, clock, reporter, signal };
    return { sandbox: sandbox.reference, tool, versions: wanted ?? null, directories: await eject(request) };
  } finally {
    await sandbox.close();
  }
}

/** Without the sums: also a version that nobody has published was placed, as a local build. */
async function subjectOf(project: Project): Promise<Pick<ToolPins, 'tool' | 'version'>> {
  const { config } = project;
  if (config === undefined) return await project.readPins();
  const { readVersion } = await import('../config/read-pins.ts');
  return { tool: config.tool, version: await readVersion(config) };
}

/** True when nothing of it is there any more, but for a mount that is the sandbox's own. */
export function isEjected({ directories }: Ejection): boolean {
  return directories.every(({ kind, outcome }) => kind === 'mount' || outcome !== 'left');
}
