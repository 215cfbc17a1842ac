import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { builtinPins } from '../../../src/config/builtin-pins.ts';
import { readConfig } from '../../../src/config/read-config.ts';
import { readPins } from '../../../src/config/read-pins.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { failureOfAsync } from '../core/failure.ts';
import { NO_FILE, replaceBy } from '../disk/no-file.ts';
import { projectFolder } from './project-folder.ts';

const config = JSON.stringify({ tool: 'tool', targets: ['amd64', 'arm64'], stores: ['file:store'] });
const line = (name: string) => `${digestHex(digestOf(name))}  ${name}\n`;

async function pinsOf(files: Record<string, string>) {
  const folder = await projectFolder({ 'toolcrib.json': config, 'tool-version.txt': '2\n', ...files });
  return { folder, pins: await readPins(await readConfig(join(folder, 'toolcrib.json'))) };
}

describe("a project's pins", () => {
  test('come from its version file and its sums file', async () => {
    const { folder, pins } = await pinsOf({ SHA256SUMS: line('tool-amd64-v2') + line('tool-arm64-v2') });
    expect(pins).toMatchObject({
      tool: 'tool',
      version: 2,
      sumsFile: join(folder, 'SHA256SUMS'),
      binaries: [join(folder, 'binaries')],
      stores: [{ directory: join(folder, 'store') }],
      entrypoint: ['bin/tool'],
    });
    expect([...pins.sums]).toEqual([
      ['tool-amd64-v2', digestOf('tool-amd64-v2')],
      ['tool-arm64-v2', digestOf('tool-arm64-v2')],
    ]);
  });

  test('are none while there is no sums file', async () => {
    expect((await pinsOf({})).pins.sums.size).toBe(0);
  });

  test.each(['tool-amd64-v1', 'tool-amd64-v3', 'other-amd64-v2', 'tool-amd64-v2-dev'])(
    'never include a foreign entry: %s is refused, naming file and line',
    async (name) => {
      const error = await failureOfAsync(() => pinsOf({ SHA256SUMS: line('tool-arm64-v2') + line(name) }));
      expect(error.code).toBe('SUMS_INVALID');
      expect(error.message).toMatch(/\/SHA256SUMS:2: /);
      expect(error.message).toContain(name);
    },
  );

  describe.each([
    ['sums file', 'SHA256SUMS', 'SUMS_INVALID', 'restore it from git'],
    ['version file', 'tool-version.txt', 'VERSION_INVALID', 'one whole number'],
  ])('are neither waited for nor taken for none when the %s', (what, name, code, hint) => {
    test.each(NO_FILE)('is %s', async (_, put) => {
      const folder = await projectFolder({ 'toolcrib.json': config, 'tool-version.txt': '2\n' });
      await replaceBy(put, join(folder, name));
      const error = await failureOfAsync(async () => readPins(await readConfig(join(folder, 'toolcrib.json'))));
      expect(error).toMatchObject({ name: 'UsageError', code });
      expect(error.message).toContain(`no usable ${what}: cannot read ${join(folder, name)}`);
      expect(error.hint).toContain(hint);
    });

    test('is larger than any could be', async () => {
      const error = await failureOfAsync(() => pinsOf({ [name]: '#'.repeat(2 * 1024 * 1024) }));
      expect(error).toMatchObject({ name: 'UsageError', code });
      expect(error.message).toMatch(new RegExp(`no usable ${what}: .*${name} has more than \\d+ bytes$`));
    });
  });

  test('need a version file', async () => {
    const folder = await projectFolder({ 'toolcrib.json': config });
    const error = await failureOfAsync(async () => readPins(await readConfig(join(folder, 'toolcrib.json'))));
    expect(error.code).toBe('VERSION_INVALID');
    expect(error.message).toContain(join(folder, 'tool-version.txt'));
    expect(error.hint).toContain('toolcrib init');
  });

  test('need a version file that says a version', async () => {
    const error = await failureOfAsync(() => pinsOf({ 'tool-version.txt': 'two\n' }));
    expect(error.code).toBe('VERSION_INVALID');
    expect(error.message).toMatch(/tool-version\.txt:1: /);
  });
});

describe('the tool that ships', () => {
  test('has pins inside the package, and the folders of its platform packages', () => {
    expect(builtinPins(['/srv/one'])).toMatchObject({
      tool: 'sandbox-tools',
      targets: [
        { arch: 'amd64', libc: 'any' },
        { arch: 'arm64', libc: 'any' },
      ],
      binaries: ['/srv/one'],
      entrypoint: ['bin/sandbox-tools'],
    });
  });
});
