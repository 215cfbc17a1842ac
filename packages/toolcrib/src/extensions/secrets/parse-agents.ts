import { messageOf, UsageError } from '../../core/errors.ts';
import { printable, quoted } from '../../core/printable.ts';

/** A larger file of agents is not read, in bytes. */
export const MAX_AGENTS_BYTES = 1024 * 1024;
/** So often what an anchor stands for may be repeated: a few lines can stand for billions. */
const MAX_ALIASES = 100;
/** Of what a parser says, which can quote all of the file. */
const MAX_WORDS = 200;
/** Deeper nesting than any agent's makes parsers run out of stack, or of time. */
const MAX_DEPTH = 100;

/**
 * Reads a definition of agents, JSON or YAML 1.2 by the ending of its file's name; without one of these, JSON where it
 * begins with a brace. What is in it is for {@link usedTools} to judge.
 * @param where path of the file, for messages.
 * @throws UsageError `CONFIG_INVALID` for what cannot be read as such.
 */
export async function parseAgents(bytes: Uint8Array, where: string): Promise<unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    verifyDepth(text);
    return isJson(where, text) ? JSON.parse(text) : await parseYaml(text);
  } catch (error) {
    const [what = ''] = messageOf(error).split('\n', 1);
    throw new UsageError(
      'CONFIG_INVALID',
      `${where} cannot be read as agents: ${printable(what.slice(0, MAX_WORDS))}`,
      {
        hint: 'write JSON or YAML as docs/guides/extension-packs.md shows it',
        details: { file: where },
        cause: error,
      },
    );
  }
}

function isJson(where: string, text: string): boolean {
  return /\.json$/i.test(where) || (!/\.ya?ml$/i.test(where) && text.trimStart().startsWith('{'));
}

const SEVERAL =
  'a line "---" begins a second YAML document: put all agents into one, or each document into a file of its own and name all of them';

/** What the parser itself looks for takes it as long as the number of keys squared: that is done here. */
async function parseYaml(text: string): Promise<unknown> {
  const { isCollection, isScalar, parseDocument, visit } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false, logLevel: 'error' });
  const [problem] = document.errors;
  if (problem?.code === 'RESOURCE_EXHAUSTION') throw tooDeep();
  if (problem?.code === 'MULTIPLE_DOCS') throw new Error(SEVERAL);
  if (problem !== undefined) throw problem;
  let aliases = 0;
  const verifyAncestors = (ancestors: readonly unknown[]): void => {
    if (ancestors.filter(isCollection).length >= MAX_DEPTH) throw tooDeep();
  };
  visit(document, {
    Alias() {
      aliases += 1;
      if (aliases > MAX_ALIASES) throw new Error(`it has more than ${MAX_ALIASES} aliases`);
    },
    Seq: (_, __, ancestors) => verifyAncestors(ancestors),
    Map(_, { items }, ancestors) {
      verifyAncestors(ancestors);
      const keys = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) throw new Error('a key of it is no text');
        const name = String(key.value);
        if (keys.has(name)) throw new Error(`it has the key ${quoted(name)} twice in one place`);
        keys.add(name);
      }
    },
  });
  return document.toJS({ maxAliasCount: MAX_ALIASES });
}

/** Counts brackets wherever they stand, also in texts, where hardly anybody opens so many without closing them. */
function verifyDepth(text: string): void {
  let depth = 0;
  for (const character of text) {
    if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1);
    if (depth > MAX_DEPTH) throw tooDeep();
  }
}

function tooDeep(): Error {
  return new Error(`it is nested deeper than ${MAX_DEPTH} times`);
}
