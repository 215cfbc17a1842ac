import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { UsageError } from '../../../../src/core/errors.ts';
import { parseAgents } from '../../../../src/extensions/secrets/parse-agents.ts';
import { usedTools } from '../../../../src/extensions/secrets/used-tools.ts';
import { toolSecrets } from '../../../../src/extensions/secrets/tool-secrets.ts';
import { failureOf, failureOfAsync } from '../../core/failure.ts';

const parse = async (text: string, where = 'agents.yaml') => await parseAgents(Buffer.from(text), where);
const used = (content: unknown) => {
  const { byExtension, warnings } = usedTools([{ where: 'agents.json', content }]);
  return { tools: Object.fromEntries(byExtension), warnings };
};
const tool = (extension_id: unknown, tool_name: unknown) => ({ extension_id, tool_name });

describe('a definition of agents', () => {
  test('says the same in JSON and in YAML', async () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9.: -]{0,12}[a-z]$/);
    const agents = fc.dictionary(
      word,
      fc.record({ tools: fc.array(fc.record({ extension_id: word, tool_name: word })) }),
    );
    await fc.assert(
      fc.asyncProperty(agents, async (content) => {
        expect(await parse(JSON.stringify(content), 'a.json')).toEqual(content);
        expect(await parse(JSON.stringify(content), 'a')).toEqual(content);
        expect(await parse(stringify(content), 'a.yml')).toEqual(content);
        expect(await parse(`# agents\n${stringify(content)}`, 'a')).toEqual(content);
      }),
      { numRuns: 50 },
    );
  });

  test('that is anything at all is read or refused as a file of its name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('a.json', 'a.yaml'), async (bytes, where) => {
        try {
          await parseAgents(bytes, where);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(where) as string });
        }
      }),
    );
  });

  test.each([
    ['no JSON', '{', 'a.json', 'cannot be read as agents'],
    ['no YAML', 'a: [', 'a.yaml', 'cannot be read as agents'],
    ['two documents', 'a: {}\n---\nb: {}\n', 'a.yaml', 'a line "---" begins a second YAML document: put'],
    ['a key twice', 'a: {tools: []}\na: {tools: [b]}\n', 'a.yaml', 'the key "a" twice'],
    ['a key that is no text', '{a: b}: {tools: []}', 'a.yaml', 'a key of it is no text'],
    ['nested brackets', '['.repeat(101), 'a.yaml', 'nested deeper than 100 times'],
    ['nested brackets in JSON', '{"a":'.repeat(101), 'a.json', 'nested deeper than 100 times'],
    ['nested lists', '- '.repeat(20_000), 'a.yaml', 'nested deeper than 100 times'],
    ['one list too many', `${'- '.repeat(101)}a`, 'a.yaml', 'nested deeper than 100 times'],
    [
      'nested lines',
      Array.from({ length: 101 }, (_, n) => `${' '.repeat(n)}a:`).join('\n') + ' {}',
      'a.yaml',
      'nested deeper',
    ],
    ['too much to say about it', '!'.repeat(100_000), 'a.yaml', 'cannot be read as agents'],
    ['a bomb', bomb(), 'a.yaml', 'alias'],
    [
      'many aliases',
      `a: &a {tools: []}\n${Array.from({ length: 101 }, (_, n) => `b${n}: *a`).join('\n')}`,
      'a.yaml',
      'more than 100 aliases',
    ],
  ])('that has %s is refused', async (_, text, where, words) => {
    const error = await failureOfAsync(() => parse(text, where));
    expect(error).toMatchObject({ name: 'UsageError', code: 'CONFIG_INVALID' });
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('\n');
    expect(error.message.length).toBeLessThan(400);
  });

  test('with a hundred levels is read', async () => {
    await expect(parse(`${'- '.repeat(100)}a`)).resolves.toBeDefined();
    await expect(parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`, 'a.json')).resolves.toBeDefined();
  });

  test('with sixty thousand keys is read in a moment', async () => {
    const many = Array.from({ length: 60_000 }, (_, n) => `a${n}: 0`).join('\n');
    expect(Object.keys((await parse(many)) ?? {})).toHaveLength(60_000);
  });
});

function bomb(): string {
  const levels = Array.from(
    { length: 12 },
    (_, n) =>
      `l${n}: &l${n} [${
        n === 0
          ? 'x'
          : Array(8)
              .fill(`*l${n - 1}`)
              .join(', ')
      }]`,
  );
  return levels.join('\n');
}

describe('the tools in use', () => {
  test('are told by extension, each once, from all agents', () => {
    const content = {
      b: { tools: [tool('ext.b', 'put'), tool('ext.a', 'get'), tool('ext.b', 'get')] },
      a: { tools: [tool('ext.b', 'put')], model: 'x' },
    };
    expect(used(content)).toEqual({ tools: { 'ext.a': ['get'], 'ext.b': ['get', 'put'] }, warnings: [] });
  });

  test('leave out agents without tools', () => {
    const content = { a: {}, c: null, d: 'text', e: [tool('x', 'y')], f: { tools: [] }, g: { tools: null } };
    expect(used(content)).toEqual({ tools: {}, warnings: [] });
  });

  test.each([['all'], [{ get: tool('ext', 'get') }], [7]])(
    'leave out tools that are no list, with a warning: %j',
    (tools) => {
      const content = { one: { tools }, two: { tools: [tool('ext', 'put')] } };
      expect(used(content)).toEqual({
        tools: { ext: ['put'] },
        warnings: ['agents.json: tools of the agent "one" is no list, and is passed over'],
      });
      expect(used({ one: { tools } }).warnings).toHaveLength(1);
    },
  );

  test.each([
    ['nothing', {}],
    ['agents below a key', { agents: { one: { tools: [tool('ext', 'get')] } } }],
    ['a list of extensions', { version: 1, extensions: [{ id: 'ext', source: { kind: 'file', ref: 'a.gtxpack' } }] }],
    ['agents without tools', { one: {}, two: { tools: null } }],
  ])('are not silently none in a file that has %s', (_, content) => {
    const { tools, warnings } = used(content);
    expect([tools, warnings]).toEqual([{}, [expect.stringContaining('agents.json: no agent has tools; expected ')]]);
  });

  test('leave out malformed entries, with a warning that names file, agent and entry', () => {
    const content = {
      one: { tools: [tool('ext', 'get'), tool(undefined, 'get'), tool('ext', 7), 'ext', null, tool(' ', 'a')] },
    };
    const { tools, warnings } = used(content);
    expect(tools).toEqual({ ext: ['get'] });
    expect(warnings).toHaveLength(5);
    expect(warnings[0]).toBe('agents.json: tools[1] of the agent "one" has no extension_id, and is passed over');
    expect(warnings[1]).toBe('agents.json: tools[2] of the agent "one" has no tool_name, and is passed over');
  });

  test.each(['flow:', 'sorla:', 'component:', 'mcp:', 'a2a:'])('leave out %s, which is no extension', (prefix) => {
    expect(used({ a: { tools: [tool(`${prefix}x`, 'y')] } })).toEqual({ tools: {}, warnings: [] });
    expect(used({ a: { tools: [tool(`x${prefix}`, 'y')] } }).tools).toEqual({ [`x${prefix}`]: ['y'] });
  });

  test('of a list that a hundred agents have by an alias are looked at once, and what is wrong is told in a few lines', async () => {
    const agents = Array.from({ length: 99 }, (_, n) => `a${n}: {tools: *t}`).join('\n');
    const content = await parse(`x: &t [${'1,'.repeat(5000)}{extension_id: ext, tool_name: get}]\n${agents}\n`);
    const { tools, warnings } = used(content);
    expect(tools).toEqual({ ext: ['get'] });
    expect(warnings).toHaveLength(21);
    expect(warnings[0]).toContain('tools[0] of the agent "a0"');
    expect(warnings[20]).toBe('agents.json: and 4980 more');
  });

  test('are no more than ten thousand', () => {
    const tools = Array.from({ length: 10_001 }, (_, n) => tool('ext', `t${n}`));
    expect(used({ a: { tools: [...tools.slice(1), ...tools.slice(1)] } }).tools['ext']).toHaveLength(10_000);
    expect(failureOf(() => used({ a: { tools } }))).toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test.each([[[]], [null], ['text'], [7]])('cannot be found in %j', (content) => {
    expect(failureOf(() => used(content)).message).toContain('agents.json defines no agents');
  });

  test('may belong to an agent with the name of something that every object has', async () => {
    const content = await parse('__proto__: {tools: [{extension_id: ext, tool_name: get}]}\nconstructor: {}\n');
    expect(used(content).tools).toEqual({ ext: ['get'] });
  });
});

describe('what tools need', () => {
  const secret = (key: string, description: string | null = null) => ({
    key,
    required: true,
    description,
    format: null,
  });

  test('is that of the tools in use; of several with one key the first counts', () => {
    const described = [
      { name: 'get', secrets: [secret('K', 'first'), secret('A'), secret('K', 'second')] },
      { name: 'unused', secrets: [secret('U')] },
      { name: 'put', secrets: [secret('A', 'other'), secret('B')] },
    ];
    const { tools, secrets, warnings } = toolSecrets('ext', described, ['get', 'lost', 'put']);
    expect(tools).toEqual(['get', 'put']);
    expect(secrets).toEqual([secret('K', 'first'), secret('A'), secret('B')]);
    expect(warnings).toEqual(['extension "ext" describes no tool "lost"']);
  });

  test('is not known of a tool that the extension does not describe, and that is said', () => {
    expect(toolSecrets('ext', [], ['get']).warnings).toEqual(['extension "ext" describes no tool "get"']);
    const many = toolSecrets(
      'ext',
      [],
      Array.from({ length: 5000 }, (_, n) => `t${n}`),
    ).warnings;
    expect([many.length, many.at(-1)]).toEqual([21, 'extension "ext": and 4980 more']);
  });
});
