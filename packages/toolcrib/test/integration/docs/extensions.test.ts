import { execFile } from 'node:child_process';
import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parsePackExtensions } from '../../../src/extensions/pack-extensions.ts';
import { formatPackLock, parsePackLock } from '../../../src/extensions/pack-lock.ts';
import { createHost } from '../../../src/flows/host.ts';
import { openProject } from '../../../src/flows/project.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { cachedPath, componentOf, digestOf, packOf } from '../../unit/extensions/pack-site.ts';
import { REPOSITORY } from '../build/samples.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { startExtensionStore } from '../extensions/extension-store.ts';
import { blocksOf, sectionOf, testedBlock } from './markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/extensions.md'), 'utf8');
const formats = await readFile(join(REPOSITORY, 'docs/formats.md'), 'utf8');
const STORE = 'http://127.0.0.1:8417';
/** What holds for the rest of the reader's session. */
const storeSetting = /^export TOOLCRIB_STORE_URL=.*$/m.exec(testedBlock(guide, 'add'))?.[0];
const SOURCE = join(REPOSITORY, 'packages/toolcrib/src');

/** What a reader of the guide has: a pack in a file, another in the store. */
async function readerOf(store: { readonly url: string }) {
  const reader = await scratchProject();
  await reader.write('http.gtxpack', packOf('local'));
  await reader.write('bin/toolcrib', `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(reader.folder, 'bin/toolcrib'), 0o755);
  const env = cliEnvironment(reader.folder);
  return {
    ...reader,
    /** Does what a block of the guide says. */
    async follow(name: string): Promise<void> {
      const path = `${reader.folder}/bin:${process.env['PATH'] ?? ''}`;
      const options = { cwd: reader.folder, env: { ...env, PATH: path } };
      const script = [storeSetting, testedBlock(guide, name)].join('\n').replaceAll(STORE, store.url);
      await promisify(execFile)('/bin/sh', ['-e', '-c', script], options);
    },
    /** Runs a program of the guide with the sources in place of the package. */
    async program(name: string): Promise<string> {
      const text = testedBlock(guide, name)
        .replace("'toolcrib'", `'${SOURCE}/index.ts'`)
        .replace("'toolcrib/ext-local'", `'${SOURCE}/ext-local.ts'`);
      await reader.write(`${name}.mts`, text);
      const options = { cwd: reader.folder, env };
      return (await promisify(execFile)(process.execPath, [`${name}.mts`], options)).stdout;
    },
  };
}

const componentIn = ({ folder }: ScratchProject): Promise<Buffer> => readFile(join(folder, 'http.wasm'));

describe('the guide to extensions', () => {
  test('declares, locks, resolves and checks as it says, in its order', async () => {
    await using store = await startExtensionStore({ 'acme.http/1.2.0': { bytes: packOf('http') } });
    await using reader = await readerOf(store);
    await reader.follow('add');
    const declared = await readFile(join(reader.folder, 'pack.extensions.json'), 'utf8');
    const [first] = parsePackExtensions(declared, 'f').extensions;
    expect(parsePackExtensions(testedBlock(guide, 'declared'), 'f').extensions).toEqual([first]);
    for (const name of ['lock', 'frozen', 'resolve', 'offline']) {
      await reader.follow(name);
      if (name !== 'lock') expect(await componentIn(reader), name).toEqual(componentOf('http'));
    }
  });

  test('shows a toolcrib.json that is one and names where repo:// references stand', async () => {
    await using reader = await scratchProject();
    await reader.write('toolcrib.json', testedBlock(guide, 'repo-base'));
    const { config } = await openProject(createHost({ cwd: reader.folder, env: { HOME: reader.folder } }));
    expect(config?.repoBase).toBeDefined();
  });

  test('shows programs that run', async () => {
    await using store = await startExtensionStore({ 'acme.http/1.2.0': { bytes: packOf('http') } });
    await using reader = await readerOf(store);
    await reader.follow('add');
    const told = `${digestOf(componentOf('local'))} ${componentOf('local').byteLength}\n`;
    expect(await reader.program('library')).toBe(told);
    expect(await reader.program('local')).toBe(told);
  });
});

describe('docs/formats.md', () => {
  const section = sectionOf(formats, 'Extensions');

  test('shows a lock as toolcrib writes it', () => {
    const [lock] = blocksOf(section);
    const text = lock?.text ?? '';
    expect(formatPackLock(parsePackLock(text, 'f'))).toBe(text);
  });

  test('names every file of a pack in the cache', async () => {
    await using store = await startExtensionStore({ 'acme.http/1.2.0': { bytes: packOf('http') } });
    await using reader = await readerOf(store);
    await reader.follow('add');
    const hex = /[0-9a-f]{64}/;
    const names = (await readdir(join(reader.folder, 'cache/ext-store'))).map((name) =>
      name.replace(hex, '<hex>').replace('acme.http_1.2.0', '<name>_<version>'),
    );
    const documented = [...section.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
    expect(documented).toEqual(expect.arrayContaining(names));
    expect(names).toHaveLength(4);
    expect(await readFile(cachedPath(join(reader.folder, 'cache'), packOf('http')))).toEqual(packOf('http'));
  });
});
