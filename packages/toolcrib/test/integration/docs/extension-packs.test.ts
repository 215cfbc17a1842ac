import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openPack } from '../../../src/extensions/pack/read-pack.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { componentOf, digestOf } from '../../unit/extensions/pack-site.ts';
import { programsMissing, REPOSITORY } from '../build/samples.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { blocksOf, testedBlock } from './markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/extension-packs.md'), 'utf8');
const nextGuide = await readFile(join(REPOSITORY, 'docs/guides/extensions.md'), 'utf8');
/** What holds for the rest of the reader's session. */
const storeSetting = /^export TOOLCRIB_STORE_URL=.*$/m.exec(testedBlock(guide, 'use'))?.[0];
const component = componentOf('http');

/** A reader's folder, in which `toolcrib` is a program. */
async function startReader(): Promise<ScratchProject> {
  const site = await scratchProject();
  await site.write('http/component.wasm', component);
  await site.write('http/describe.json', testedBlock(guide, 'describe'));
  await site.write('bin/toolcrib', `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(site.folder, 'bin/toolcrib'), 0o755);
  return site;
}

const environmentOf = (folder: string) => ({
  ...cliEnvironment(folder),
  PATH: `${folder}/bin:${process.env['PATH'] ?? ''}`,
  no_proxy: '*',
});

/** What a block says, in a session in which the store of the guide was named. */
function scriptOf(document: string, name: string, port: number): string {
  return [storeSetting, testedBlock(document, name)]
    .join('\n')
    .replaceAll('127.0.0.1:8417', `127.0.0.1:${port}`)
    .replace('toolcrib serve', `exec toolcrib serve --port ${port}`)
    .replaceAll('docker:web', 'local:web');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('the guide to extension packs', requireOrSkip(await programsMissing('curl', 'openssl')), () => {
  test('leads from a directory to a store and a sandbox, and on to the guide to extensions', async () => {
    await using reader = await startReader();
    const { folder } = reader;
    const options = { cwd: folder, env: environmentOf(folder) };
    const port = await freePort();
    const follow = async (name: string, document = guide): Promise<string> =>
      (await promisify(execFile)('/bin/sh', ['-e', '-c', scriptOf(document, name, port)], options)).stdout;

    expect(await follow('pack')).toContain('component.wasm, a WebAssembly component');
    const bytes = await readFile(join(folder, 'http.gtxpack'));
    const pack = await openPack(bytes, { extensionId: 'acme.http' });
    const { id, asset } = await pack.readComponent();
    const sidecar: unknown = JSON.parse(testedBlock(guide, 'sidecar'));
    expect({ component: { id, asset, digest: 'sha256:<64 hex digits>' } }).toEqual(sidecar);
    expect(await follow('publish')).toContain(`file://${folder}/store/extensions/acme.http@1.2.0.gtxpack`);

    const server = spawn('/bin/sh', ['-e', '-c', scriptOf(guide, 'serve', port)], options);
    try {
      await once(server.stdout, 'data');
      const told = await follow('to-store');
      expect(told).toContain('store://acme.http@1.3.0');
      const listing = told.slice(told.indexOf('{'), told.lastIndexOf('}') + 1);
      expect(JSON.parse(listing)).toMatchObject({
        schema: 'toolcrib.extensions.v1',
        extensions: ['1.2.0', '1.3.0'].map((version) => ({ name: 'acme.http', version, digest: digestOf(bytes) })),
      });
      expect(await readFile(join(folder, 'http-1.3.0.gtxpack'))).toEqual(bytes);

      expect(await follow('use')).toContain('store://acme.http@1.2.0');
      await reader.write('agents.yaml', testedBlock(guide, 'agents'));
      expect(await follow('secrets')).toMatch(/acme\.http +HTTP_TOKEN +yes +password/);
      expect(await readFile(join(folder, '.env.template'), 'utf8')).toBe(
        '# The token of the API\n# format: password\n# required by acme.http\nHTTP_TOKEN=\n',
      );
      await reader.write('web/.keep', '');
      const injected = await follow('inject');
      expect(injected).toMatch(/proven +every byte read back[^]*removed/);
      const line = /The line `(\w+)` tells the path of `component\.wasm`/.exec(guide)?.[1] ?? 'no such line';
      expect(injected).toMatch(new RegExp(`^ +${line} +/.*/component\\.wasm$`, 'm'));

      for (const name of ['add', 'lock', 'frozen', 'resolve']) await follow(name, nextGuide);
      expect(await readFile(join(folder, 'http.wasm'))).toEqual(component);
    } finally {
      server.kill('SIGTERM');
      await once(server, 'close');
    }
    await rm(join(folder, 'http.wasm'));
    await follow('offline', nextGuide);
    expect(await readFile(join(folder, 'http.wasm'))).toEqual(component);
  });

  test('has no shell block that these tests do not run', () => {
    const names = blocksOf(guide).flatMap(({ language, test: name }) => (language === 'sh' ? [name] : []));
    expect(names).toEqual(['pack', 'publish', 'serve', 'to-store', 'use', 'secrets', 'inject']);
  });
});
