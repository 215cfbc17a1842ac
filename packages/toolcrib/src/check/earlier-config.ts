import type { ProjectConfig } from '../config/config.ts';
import { hasCode } from '../core/errors.ts';
import type { GitRepository } from '../git/repository.ts';

/** What configurations of commits are read from. */
export interface ConfigSources {
  readonly config: ProjectConfig;
  readonly repository: GitRepository;
  /** Reads a configuration as if it stood in that file, given as an absolute path. @throws UsageError `CONFIG_INVALID`. */
  readonly parseConfig: (text: string, file: string) => ProjectConfig;
}

/** The configuration of a commit. */
export type EarlierConfig =
  | { readonly kind: 'read'; readonly config: ProjectConfig }
  | { readonly kind: 'none' }
  /** There was one that this version does not understand. */
  | { readonly kind: 'unreadable' };

/**
 * The configuration of the same tool in a commit: in the same place, else wherever it was. A project that went to another
 * folder, or whose configuration was copied there, goes on with its versions: neither is a way around the gate.
 */
export async function readEarlierConfig(commit: string, sources: ConfigSources): Promise<EarlierConfig> {
  const { config, repository } = sources;
  const here = await readConfigOf(commit, config.file, sources);
  if (here.kind !== 'none') return here;
  for (const path of await repository.filesOf(commit, [ANY_CONFIG])) {
    const there = await readConfigOf(commit, repository.absolutePath(path), sources);
    if (there.kind === 'read' && there.config.tool === config.tool) return there;
  }
  return here;
}

const ANY_CONFIG = ':(top,glob)**/toolcrib.json';

/** The configuration in one file of a commit. */
export async function readConfigOf(
  commit: string,
  file: string,
  { repository, parseConfig }: ConfigSources,
): Promise<EarlierConfig> {
  const text = await repository.readFile(commit, file);
  if (text === undefined) return { kind: 'none' };
  try {
    return { kind: 'read', config: parseConfig(text, file) };
  } catch (error) {
    if (hasCode(error, 'CONFIG_INVALID', 'REFERENCE_INVALID', 'TARGET_INVALID')) return { kind: 'unreadable' };
    throw error;
  }
}
