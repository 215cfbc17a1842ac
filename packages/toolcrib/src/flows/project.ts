import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import type { ProjectConfig, ToolPins } from '../config/config.ts';
import { UsageError } from '../core/errors.ts';
import type { Host } from './host.ts';

/** The tool that a user works with: a project of theirs, or the tool that ships with toolcrib. */
export interface Project {
  /** Undefined without a `toolcrib.json`: then everything works on the tool that ships. */
  readonly config: ProjectConfig | undefined;
  /**
   * Reads the pins as they are now: publishing writes them.
   * @throws UsageError `VERSION_INVALID`, `SUMS_INVALID`.
   */
  readPins(): Promise<ToolPins>;
}

/**
 * Opens the project of a folder: its `toolcrib.json`, or that of a folder above, else the tool that ships.
 * @param options.config path of a configuration that must be there.
 * @throws UsageError `CONFIG_INVALID`; NotFoundError `NOT_FOUND`.
 */
export async function openProject(host: Host, options: { config?: string } = {}): Promise<Project> {
  const path = configPathOf(host, options);
  if (path === undefined) return { config: undefined, readPins: shippedPins };
  const { readConfig } = await import('../config/read-config.ts');
  const config = await readConfig(path);
  return {
    config,
    async readPins() {
      const { readPins } = await import('../config/read-pins.ts');
      return await readPins(config);
    },
  };
}

/** The configuration of a project that has one. @throws UsageError `USAGE`. */
export function configOf(project: Project, what: string): ProjectConfig {
  if (project.config !== undefined) return project.config;
  throw new UsageError('USAGE', `${what} needs a toolcrib.json, and there is none here or above`, {
    hint: '"toolcrib init" writes one; --config FILE names another',
  });
}

/** Where a project's configuration is, absolute, before it is read; undefined when there is none here or above. */
export function configPathOf(host: Host, options: { config?: string } = {}): string | undefined {
  return options.config === undefined ? nearestConfig(host.cwd) : resolve(host.cwd, options.config);
}

function nearestConfig(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const path = resolve(at, 'toolcrib.json');
    if (existsSync(path)) return path;
    if (dirname(at) === at) return undefined;
  }
}

async function shippedPins(): Promise<ToolPins> {
  const { builtinPins, PLATFORM_PACKAGES } = await import('../config/builtin-pins.ts');
  const { resolve: locate } = createRequire(import.meta.url);
  const folders = PLATFORM_PACKAGES.flatMap((name) => {
    try {
      return [dirname(locate(`${name}/package.json`))];
    } catch {
      return []; // an optional platform package that this machine did not install
    }
  });
  return builtinPins(folders);
}
