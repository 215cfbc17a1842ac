import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { fromJSONSchema } from 'zod';
import { configJsonSchema } from '../../../src/config/json-schema.ts';
import { configFileSchema } from '../../../src/config/schema.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { initProject } from '../../../src/flows/init-project.ts';
import { projectFolder } from './project-folder.ts';

const root = fileURLToPath(new URL('../../../../..', import.meta.url));
const published = readFileSync(join(root, 'packages/toolcrib/toolcrib.schema.json'), 'utf8');
const accepts = (json: unknown) => fromJSONSchema(configJsonSchema()).safeParse(json).success;

const smallest = { tool: 'x', targets: ['amd64'] };

describe('the published schema', () => {
  test('is the one that scripts/generate-schema.mjs writes', async () => {
    const file = join(await projectFolder(), 'schema.json');
    execFileSync(process.execPath, [join(root, 'scripts/generate-schema.mjs'), file], { stdio: 'pipe' });
    expect(published).toBe(readFileSync(file, 'utf8'));
  });

  test('describes every key of the configuration, and no other', () => {
    const { properties } = configJsonSchema();
    expect(Object.keys(properties ?? {})).toEqual(Object.keys(configFileSchema.shape));
    for (const schema of Object.values(properties ?? {}))
      expect(schema).toMatchObject({ description: expect.stringMatching(/\.$/) as unknown });
  });

  test.each([
    ['the smallest', smallest],
    ['one that is built by bun', { ...smallest, build: { driver: 'bun', entry: 'src/main.ts' } }],
    ['one that is built by a command', { ...smallest, build: { driver: 'command', command: 'make' } }],
    [
      'one with stores',
      { ...smallest, stores: ['file:x', 's3://bucket'], rewrite: [{ from: 'http://a', to: 'http://b' }] },
    ],
  ])('accepts %s, as toolcrib does', (_, json) => {
    expect(accepts(json)).toBe(true);
    expect(configFileSchema.safeParse(json).success).toBe(true);
  });

  test('accepts what init writes', async () => {
    const folder = await projectFolder();
    await initProject({ folder, tool: 'my-tool', reporter: silentReporter });
    expect(accepts(JSON.parse(readFileSync(join(folder, 'toolcrib.json'), 'utf8')))).toBe(true);
  });

  test.each([
    ['without a tool', { targets: ['amd64'] }],
    ['with an unknown key', { ...smallest, x: 1 }],
    ['with an unknown target', { ...smallest, targets: ['x86_64'] }],
    ['with no target', { ...smallest, targets: [] }],
    ['with an unknown driver', { ...smallest, build: { driver: 'docker' } }],
    ['with another driver’s key', { ...smallest, build: { driver: 'bun', command: 'make' } }],
  ])('refuses one %s, as toolcrib does', (_, json) => {
    expect(accepts(json)).toBe(false);
    expect(configFileSchema.safeParse(json).success).toBe(false);
  });
});
