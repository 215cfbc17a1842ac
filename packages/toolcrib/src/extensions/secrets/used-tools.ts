import { UsageError } from '../../core/errors.ts';
import { fieldOf, keysOf, textOf } from '../../core/json-fields.ts';
import { quoted } from '../../core/printable.ts';
import { collectPassedOver, type PassedOver } from './passed-over.ts';

/** Tools that agents use, by the extensions that they are of. */
export interface UsedTools {
  /** Names of tools by ids of extensions, both sorted. */
  readonly byExtension: ReadonlyMap<string, readonly string[]>;
  /** What was passed over, for the person who wrote it: the first of each file, and how many more. */
  readonly warnings: readonly string[];
}

/** What begins so is a tool of something else than an extension. */
const OTHER_KINDS = ['flow:', 'sorla:', 'component:', 'mcp:', 'a2a:'];

const NO_TOOLS = 'no agent has tools; expected agents by their names at the top, each with a list "tools"';

/** All agents together use no more tools than this. */
const MAX_TOOLS = 10_000;

/**
 * Finds the tools of extensions in `{name: {tools: [{extension_id, tool_name}]}}`. Agents without tools have none.
 * Tools that are no array are passed over with a warning, and so are entries that say no extension or no tool, and a
 * document in which nothing has tools: it hardly defines agents (docs/guides/extension-packs.md). A list that several
 * agents have by an alias is looked at once.
 * @param documents as they were parsed, each with the path of its file.
 * @throws UsageError `CONFIG_INVALID` for a document that is no object, and for more than 10,000 tools.
 */
export function usedTools(documents: readonly { readonly where: string; readonly content: unknown }[]): UsedTools {
  const used = createUse();
  const warnings = documents.flatMap(({ where, content }) => collectAgents(where, content, used));
  return { byExtension: used.sorted(), warnings };
}

/** @returns warnings. */
function collectAgents(where: string, content: unknown, used: Use): readonly string[] {
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw noAgents(where);
  const passedOver = collectPassedOver(where);
  const agents = keysOf(content).map((name) => ({ name, tools: fieldOf(content, name, 'tools') ?? undefined }));
  const users = agents.filter(({ tools }) => tools !== undefined);
  if (users.length === 0) passedOver.add(() => `${where}: ${NO_TOOLS}`);
  const seen = new Set<unknown>();
  for (const { name, tools } of users) {
    const tell = (what: string, why: string): string =>
      `${where}: ${what} of the agent ${quoted(name)} ${why}, and is passed over`;
    if (!Array.isArray(tools)) passedOver.add(() => tell('tools', 'is no list'));
    else if (!seen.has(tools)) collectTools(where, tools, used, { passedOver, tell });
    seen.add(tools);
  }
  return passedOver.told();
}

interface Telling {
  readonly passedOver: PassedOver;
  readonly tell: (what: string, why: string) => string;
}

function collectTools(where: string, tools: readonly unknown[], used: Use, { passedOver, tell }: Telling): void {
  for (const [index, tool] of tools.entries()) {
    const [id, name] = [textOf(tool, 'extension_id'), textOf(tool, 'tool_name')];
    if (id === undefined || name === undefined || id.trim() === '') {
      const lacks = id === undefined || id.trim() === '' ? 'extension_id' : 'tool_name';
      passedOver.add(() => tell(`tools[${index}]`, `has no ${lacks}`));
    } else if (!OTHER_KINDS.some((prefix) => id.startsWith(prefix)) && used.add(id, name) > MAX_TOOLS) {
      throw tooMany(where);
    }
  }
}

/** Tools by extensions, each once. */
interface Use {
  /** @returns how many there are now. */
  add(id: string, name: string): number;
  sorted(): UsedTools['byExtension'];
}

function createUse(): Use {
  const used = new Map<string, Set<string>>();
  let count = 0;
  return {
    add(id, name) {
      const names = used.get(id) ?? new Set();
      if (!names.has(name)) count += 1;
      used.set(id, names.add(name));
      return count;
    },
    sorted() {
      const byId = [...used].sort(([a], [b]) => (a < b ? -1 : 1));
      return new Map(byId.map(([id, names]) => [id, [...names].sort()]));
    },
  };
}

function tooMany(where: string): UsageError {
  return new UsageError('CONFIG_INVALID', `with ${where} the agents use more than ${MAX_TOOLS} tools`, {
    hint: 'ask for fewer files at once',
    details: { file: where, limit: MAX_TOOLS },
  });
}

function noAgents(where: string): UsageError {
  return new UsageError('CONFIG_INVALID', `${where} defines no agents: expected an object of agents by their names`, {
    hint: 'docs/guides/extension-packs.md shows one',
    details: { file: where },
  });
}
