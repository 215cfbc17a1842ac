import type { ProjectConfig } from '../config/config.ts';
import { formatTarget } from '../core/target.ts';

/** The keys of `toolcrib.json` that decide what a release's bytes are; all others say where things are and who may. */
export type BuildSetting = 'tool' | 'targets' | 'build' | 'entrypoint' | 'healthcheck';

type Settings = Pick<ProjectConfig, BuildSetting>;

/** Which of them differ, in the order of the documents. */
export function differentSettings(a: Settings, b: Settings): readonly BuildSetting[] {
  const [first, second] = [valuesOf(a), valuesOf(b)];
  return NAMES.filter((name) => JSON.stringify(first[name]) !== JSON.stringify(second[name]));
}

const NAMES: readonly BuildSetting[] = ['tool', 'targets', 'build', 'entrypoint', 'healthcheck'];

/** The order in which targets are listed changes nothing. */
function valuesOf({ tool, targets, build, entrypoint, healthcheck }: Settings): Record<BuildSetting, unknown> {
  return { tool, targets: targets.map(formatTarget).sort(), build: build ?? null, entrypoint, healthcheck };
}
