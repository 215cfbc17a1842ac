import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openPack } from '../../../src/extensions/pack/read-pack.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { componentOf, declare, digestOf } from '../../unit/extensions/pack-site.ts';
import { programsMissing, REPOSITORY } from '../build/samples.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { blocksOf, testedBlock } from './markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/extension-packs.md'), 'utf8');
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

/** What a block says, with stores and sandboxes in the reader's own folder. */
function scriptOf(name: string, port = 0): string {
  return testedBlock(guide, name)
    .replaceAll('/srv/store', './store')
    .replaceAll('127.0.0.1:8417', `127.0.0.1:${port}`)
    .replace('serve --root', `serve --port ${port} --root`)
    .replaceAll('docker:web', 'local:web');
}

async function follow({ folder }: ScratchProject, name: string, port?: number): Promise<string> {
  const options = { cwd: folder, env: environmentOf(folder) };
  return (await promisify(execFile)('/bin/sh', ['-e', '-c', scriptOf(name, port)], options)).stdout;
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
  test('leads from a directory to a component in a sandbox', async () => {
    await using reader = await startReader();
    expect(await follow(reader, 'pack')).toContain('component.wasm, a WebAssembly component');
    const bytes = await readFile(join(reader.folder, 'http.gtxpack'));
    const pack = await openPack(bytes, { extensionId: 'acme.http' });
    const { id, asset } = await pack.readComponent();
    const sidecar: unknown = JSON.parse(testedBlock(guide, 'sidecar'));
    expect({ component: { id, asset, digest: 'sha256:<64 hex digits>' } }).toEqual(sidecar);

    const published = await follow(reader, 'publish');
    const source = /source {5}(\S+)/.exec(published)?.[1] ?? '';
    expect(source).toBe(`file://${reader.folder}/store/extensions/acme.http@1.2.0.gtxpack`);
    await declare(reader, [{ id: 'acme.http', ref: source }]);
    await reader.write('agents.yaml', testedBlock(guide, 'agents'));
    expect(await follow(reader, 'secrets')).toMatch(/acme\.http +HTTP_TOKEN +yes +password/);
    expect(await readFile(join(reader.folder, '.env.template'), 'utf8')).toBe(
      '# The token of the API\n# format: password\n# required by acme.http\nHTTP_TOKEN=\n',
    );
    await reader.write('web/.keep', '');
    const injected = await follow(reader, 'inject');
    expect(injected).toMatch(/proven +every byte read back[^]*removed/);
    const line = /The line `(\w+)` tells the path of `component\.wasm`/.exec(guide)?.[1] ?? 'no such line';
    expect(injected).toMatch(new RegExp(`^ +${line} +/.*/component\\.wasm$`, 'm'));
  });

  test('leads to a store of the reader’s own', async () => {
    await using reader = await startReader();
    await follow(reader, 'pack');
    await reader.write('store/.keep', '');
    const port = await freePort();
    const options = { cwd: reader.folder, env: environmentOf(reader.folder) };
    const server = spawn(
      '/bin/sh',
      ['-e', '-c', scriptOf('serve', port).replace('toolcrib serve', 'exec toolcrib serve')],
      options,
    );
    try {
      await once(server.stdout, 'data');
      const told = await follow(reader, 'to-store', port);
      expect(told).toContain('store://acme.http@1.3.0');
      expect(told).toContain('{"schema":"toolcrib.extensions.v1","extensions":[{"name":"acme.http","version":"1.3.0",');
      const [got, sent] = await Promise.all(
        ['http-1.3.0.gtxpack', 'http.gtxpack'].map((name) => readFile(join(reader.folder, name))),
      );
      expect(got && digestOf(got)).toBe(sent && digestOf(sent));
    } finally {
      server.kill('SIGTERM');
      await once(server, 'close');
    }
  });

  test('has no shell block that these tests do not run', () => {
    const names = blocksOf(guide).flatMap(({ language, test: name }) => (language === 'sh' ? [name] : []));
    expect(names).toEqual(['pack', 'publish', 'serve', 'to-store', 'secrets', 'inject']);
  });
});
