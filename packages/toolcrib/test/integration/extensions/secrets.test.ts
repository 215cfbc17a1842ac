import { describe, expect, test } from 'vitest';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { componentOf, declare, packOf } from '../../unit/extensions/pack-site.ts';
import { packBytesOf } from '../../unit/extensions/pack/zip-bytes.ts';
import { documentOf, toolcrib } from '../cli/command-line.ts';

const DESCRIBE = {
  contributions: {
    tools: [
      {
        name: 'get',
        secret_requirements: [
          { key: 'TOKEN', description: 'first' },
          { key: 'REGION', required: false },
        ],
      },
      { name: 'put', secret_requirements: [{ key: 'TOKEN', description: 'second' }] },
      { name: 'unused', secret_requirements: [{ key: 'UNUSED' }] },
    ],
  },
};
const described = (content: string) => packBytesOf(componentOf('a'), [{ name: 'describe.json', content }]);
const tool = (extension_id: string, tool_name: string) => ({ extension_id, tool_name });

/** A pack with extensions that describe their tools, do not, and describe them wrongly. */
async function startSite(agents: object) {
  const site = await scratchProject({ 'agents.json': agents });
  await site.write('pack/http.gtxpack', described(JSON.stringify(DESCRIBE)));
  await site.write('pack/mute.gtxpack', packOf('mute'));
  await site.write('pack/wrong.gtxpack', described('{"contributions":{"tools":[{}]}}'));
  const declared = ['http', 'mute', 'wrong'].map((name) => ({ id: `acme.${name}`, ref: `${name}.gtxpack` }));
  await declare(site, [...declared, { id: 'acme.far', ref: 'store://acme/far@1' }], 'pack');
  const secrets = (...args: readonly string[]) =>
    toolcrib(['ext', 'secrets', 'agents.json', '--pack', 'pack', ...args], { cwd: site.folder });
  return { ...site, secrets };
}

describe('toolcrib ext secrets', () => {
  test('tells what the tools in use need, and passes over what is malformed or no extension', async () => {
    const tools = [tool('acme.http', 'put'), tool('acme.http', 'get'), tool('mcp:x', 'y'), { tool_name: 'lost' }];
    await using site = await startSite({ one: { tools }, two: { tools: [tool('acme.http', 'gone')] }, three: {} });
    const end = await site.secrets('--json');
    expect(documentOf(end)).toEqual({
      extensions: [
        {
          extension: 'acme.http',
          tools: ['get', 'put'],
          secrets: [
            { key: 'TOKEN', required: true, description: 'first', format: null },
            { key: 'REGION', required: false, description: null, format: null },
          ],
        },
      ],
    });
    expect(end.stderr).toContain('agents.json: tools[3] of the agent "one" has no extension_id, and is passed over');
    expect(end.stderr).toContain('extension "acme.http" describes no tool "gone"');
  });

  test.each([
    ['not declared', 'acme.none', 3, 'extension "acme.none" is not declared'],
    ['not described', 'acme.mute', 3, 'the .gtxpack of extension "acme.mute" has no describe.json'],
    [
      'described wrongly',
      'acme.wrong',
      4,
      'its describe.json is not as it should be: contributions.tools.0.name is missing',
    ],
  ])('ends with an error for an extension that is %s', async (_, id, code, words) => {
    await using site = await startSite({ one: { tools: [tool(id, 'get')] } });
    const end = await site.secrets();
    expect([end.code, end.stderr]).toEqual([code, expect.stringContaining(words)]);
  });

  test('prints a template or JSON, and not one of them where both are wanted', async () => {
    await using site = await startSite({ one: { tools: [tool('acme.http', 'get')] } });
    const end = await site.secrets('--json', '--env');
    expect([end.code, documentOf(end)]).toMatchObject([
      2,
      { error: { message: expect.stringContaining('give one') as unknown } },
    ]);
  });

  test('asks nobody when it is offline', async () => {
    await using site = await startSite({ one: { tools: [tool('acme.far', 'get')] } });
    const end = await site.secrets('--offline');
    expect([end.code, end.stderr]).toEqual([7, expect.stringMatching(/acme\.far[^]*online once/)]);
  });

  test('needs no extensions where no tool of one is used', async () => {
    await using site = await scratchProject({
      'agents.yaml': 'one:\n  tools:\n    - extension_id: mcp:x\n      tool_name: y\n',
    });
    const { code, stdout } = await toolcrib(['ext', 'secrets', 'agents.yaml'], { cwd: site.folder });
    expect([code, stdout]).toEqual([0, 'The tools in use need no secrets.\n']);
    expect((await toolcrib(['ext', 'secrets', 'none.yaml'], { cwd: site.folder })).code).toBe(3);
  });
});
