import { parseStoreReference } from '../../../src/core/reference.ts';
import { parseTarget } from '../../../src/core/target.ts';
import type { WorkflowSettings } from '../../../src/promote/workflows/workflow-settings.ts';

/** Settings of a project at the top of its repository, with these differences. */
export function sampleSettings(
  more: Partial<Omit<WorkflowSettings, 'targets' | 'stores'>> & {
    readonly targets?: readonly string[];
    readonly stores?: readonly string[];
  } = {},
): WorkflowSettings {
  const { targets = ['amd64-any', 'arm64-any'], stores = [], ...others } = more;
  return {
    tool: 'demo',
    repository: { owner: 'o', repo: 'r', endpoint: undefined },
    installation: { kind: 'locked' },
    folder: '',
    config: 'toolcrib.json',
    binaries: 'binaries',
    ...others,
    targets: targets.map(parseTarget),
    stores: stores.map(parseStoreReference),
  };
}
