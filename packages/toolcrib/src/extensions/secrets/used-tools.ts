import { UsageError } from '../../core/errors.ts';
import { fieldOf, keysOf, textOf } from '../../core/json-fields.ts';
import { quoted } from '../../core/printable.ts';

/** Tools that agents use, by the extensions that they are of. */
export interface UsedTools {
  /** Names of tools by ids of extensions, both sorted. */
  readonly byExtension: ReadonlyMap<string, readonly string[]>;
  /** What was passed over, for the person who wrote it. */
  readonly warnings: readonly string[];
}

/** What begins so is a tool of something else than an extension. */
const OTHER_KINDS = ['flow:', 'sorla:', 'component:', 'mcp:', 'a2a:'];

const NO_TOOLS = 'no agent has tools; expected agents by their names at the top, each with a list "tools"';

/**
 * Finds the tools of extensions in `{name: {tools: [{extension_id, tool_name}]}}`. Agents without tools have none.
 * Tools that are no array are passed over with a warning, and so are entries that say no extension or no tool, and a
 * document in which nothing has tools: it hardly defines agents (docs/guides/extension-packs.md).
 * @param documents as they were parsed, each with the path of its file.
 * @throws UsageError `CONFIG_INVALID` for a document that is no object.
 */
export function usedTools(documents: readonly { readonly where: string; readonly content: unknown }[]): UsedTools {
  const used = new Map<string, Set<string>>();
  const warnings: string[] = [];
  for (const { where, content } of documents) {
    if (typeof content !== 'object' || content === null || Array.isArray(content)) throw noAgents(where);
    const agents = keysOf(content).map((name) => ({ name, tools: fieldOf(content, name, 'tools') ?? undefined }));
    const users = agents.filter(({ tools }) => tools !== undefined);
    if (users.length === 0) warnings.push(`${where}: ${NO_TOOLS}`);
    for (const { name, tools } of users) {
      const agent = `the agent ${quoted(name)}`;
      const passOver = (what: string, why: string) =>
        void warnings.push(`${where}: ${what} of ${agent} ${why}, and is passed over`);
      if (Array.isArray(tools)) collectTools(tools, used, passOver);
      else passOver('tools', 'is no list');
    }
  }
  const sorted = [...used].sort(([a], [b]) => (a < b ? -1 : 1));
  return { byExtension: new Map(sorted.map(([id, names]) => [id, [...names].sort()])), warnings };
}

function collectTools(
  tools: readonly unknown[],
  used: Map<string, Set<string>>,
  passOver: (what: string, why: string) => void,
): void {
  for (const [index, tool] of tools.entries()) {
    const [id, name] = [textOf(tool, 'extension_id'), textOf(tool, 'tool_name')];
    if (id === undefined || name === undefined || id.trim() === '') {
      const lacks = id === undefined || id.trim() === '' ? 'extension_id' : 'tool_name';
      passOver(`tools[${index}]`, `has no ${lacks}`);
    } else if (!OTHER_KINDS.some((prefix) => id.startsWith(prefix))) {
      used.set(id, (used.get(id) ?? new Set()).add(name));
    }
  }
}

function noAgents(where: string): UsageError {
  return new UsageError('CONFIG_INVALID', `${where} defines no agents: expected an object of agents by their names`, {
    hint: 'docs/guides/extension-packs.md shows one',
    details: { file: where },
  });
}
