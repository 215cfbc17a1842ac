import { quoted } from '../../core/printable.ts';
import type { DescribedTool, SecretRequirement } from '../pack/describe.ts';
import { collectPassedOver } from './passed-over.ts';

/** What the used tools of one extension need. */
export interface ToolSecrets {
  /** Names of those that it describes, in the order in which they are used. */
  readonly tools: readonly string[];
  /** One for each key, in the order in which the extension describes them. */
  readonly secrets: readonly SecretRequirement[];
  readonly warnings: readonly string[];
}

/**
 * The secrets that tools in use need. Of several with the same key the first one counts.
 * @param extensionId for the warnings.
 * @param used names of tools.
 */
export function toolSecrets(
  extensionId: string,
  described: readonly DescribedTool[],
  used: readonly string[],
): ToolSecrets {
  const secrets = new Map<string, SecretRequirement>();
  const names = new Set(used);
  for (const tool of described) {
    if (!names.has(tool.name)) continue;
    for (const secret of tool.secrets) if (!secrets.has(secret.key)) secrets.set(secret.key, secret);
  }
  const extension = `extension ${quoted(extensionId)}`;
  const passedOver = collectPassedOver(extension);
  const known = new Set(described.map(({ name }) => name));
  for (const name of used) {
    if (!known.has(name)) passedOver.add(() => `${extension} describes no tool ${quoted(name)}`);
  }
  return { tools: used.filter((name) => known.has(name)), secrets: [...secrets.values()], warnings: passedOver.told() };
}
