import { quoted } from '../../core/printable.ts';
import type { DescribedTool, SecretRequirement } from '../pack/describe.ts';

/** What the used tools of one extension need. */
export interface ToolSecrets {
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
  for (const tool of described) {
    if (!used.includes(tool.name)) continue;
    for (const secret of tool.secrets) if (!secrets.has(secret.key)) secrets.set(secret.key, secret);
  }
  const unknown = used.filter((name) => !described.some((tool) => tool.name === name));
  const warnings = unknown.map((name) => `extension ${quoted(extensionId)} describes no tool ${quoted(name)}`);
  return { secrets: [...secrets.values()], warnings };
}
