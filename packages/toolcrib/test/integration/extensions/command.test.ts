import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, readdir, readFile, symlink, watch } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { registryAvailable, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { componentOf, declare, digestOf, packOf, writeLock } from '../../unit/extensions/pack-site.ts';
import { packBytesOf } from '../../unit/extensions/pack/zip-bytes.ts';
import { programsMissing } from '../build/samples.ts';
import { cliEnvironment, documentOf, startCli, TOOLCRIB, toolcrib } from '../cli/command-line.ts';
import { startExtensionStore } from './extension-store.ts';
import { pushWithSkopeo } from './oci-layout.ts';

const ID = 'acme.http';
const REF = 'store://acme/http@1.0.0';
const RESOLVE = ['ext', 'resolve', `ext://${ID}#component`];
const component = componentOf('one');
const pack = packOf('one');

const bare = async (args: readonly string[], cwd: string, words: readonly string[] = []): Promise<Buffer> => {
  const [program = '', ...rest] = [...words, ...TOOLCRIB, ...args];
  const options = { cwd, env: cliEnvironment(cwd), encoding: 'buffer', maxBuffer: 64 * 1024 ** 2 } as const;
  return (await promisify(execFile)(program, rest, options)).stdout;
};

async function siteOfFile(bytes: Uint8Array = pack): Promise<ScratchProject> {
  const site = await scratchProject();
  await site.write('packs/http.gtxpack', bytes);
  await declare(site, [{ id: ID, ref: 'packs/http.gtxpack' }]);
  return site;
}

const withoutTerminal = await programsMissing('script');

describe('toolcrib ext resolve', () => {
  test('writes the bytes of the component to stdout, and nothing else', async () => {
    const large = Buffer.concat([componentOf(''), Buffer.alloc(5 * 1024 ** 2, 'large')]);
    await using site = await siteOfFile(packBytesOf(large));
    expect((await bare(RESOLVE, site.folder)).equals(large)).toBe(true);
  });

  test('writes them to a file as a whole, and tells their digest', async () => {
    await using site = await siteOfFile();
    await site.write('out/other', '');
    const { code, stdout } = await toolcrib([...RESOLVE, '-o', 'out/http.wasm'], { cwd: site.folder });
    expect([code, stdout]).toEqual([0, `${digestOf(component)}  ${site.folder}/out/http.wasm\n`]);
    expect(await readFile(join(site.folder, 'out/http.wasm'))).toEqual(component);
    expect(await readdir(join(site.folder, 'out'))).toEqual(['http.wasm', 'other']);
  });

  test('writes in the place of a file alone: a link or a pipe is refused before anything is asked', async () => {
    await using site = await siteOfFile();
    await site.write('kept', 'kept');
    await symlink('kept', join(site.folder, 'link'));
    await promisify(execFile)('mkfifo', [join(site.folder, 'pipe')]);
    const unknown = ['ext', 'resolve', 'ext://no.such#component', '-o'];
    for (const [name, kind] of [
      ['link', 'a symbolic link'],
      ['pipe', 'a pipe'],
    ] as const) {
      for (const command of [unknown, ['ext', 'pack', 'packs', '--id', 'a', '--component', 'http.gtxpack', '-o']]) {
        const { code, stderr } = await toolcrib([...command, name], { cwd: site.folder });
        expect([code, stderr]).toEqual([2, expect.stringContaining(`${name} is ${kind}`)]);
      }
    }
    expect((await lstat(join(site.folder, 'link'))).isSymbolicLink()).toBe(true);
    expect((await lstat(join(site.folder, 'pipe'))).isFIFO()).toBe(true);
    expect(await readFile(join(site.folder, 'kept'), 'utf8')).toBe('kept');
  });

  test('tells all that it knows as JSON, whether a file is wanted or not', async () => {
    await using site = await siteOfFile();
    const facts = {
      reference: `ext://${ID}#component`,
      extensionId: ID,
      sourceRef: 'packs/http.gtxpack',
      digest: digestOf(component),
      size: component.byteLength,
      asset: 'component.wasm',
      pack: {
        digest: digestOf(pack),
        size: pack.byteLength,
        tier: 'file',
        where: join(site.folder, 'packs/http.gtxpack'),
      },
    };
    const told = await toolcrib(['--json', ...RESOLVE], { cwd: site.folder });
    expect(documentOf(told)).toEqual({ ...facts, path: null });
    const written = await toolcrib(['--json', ...RESOLVE, '-o', 'it.wasm'], { cwd: site.folder });
    expect(documentOf(written)).toEqual({ ...facts, path: join(site.folder, 'it.wasm') });
  });

  test('finds the pack where --pack says', async () => {
    await using site = await scratchProject();
    await site.write('there/http.gtxpack', pack);
    await declare(site, [{ id: ID, ref: 'http.gtxpack' }], 'there');
    expect(await bare([...RESOLVE, '--pack', 'there'], site.folder)).toEqual(component);
  });

  test('ends well when its reader goes away', async () => {
    await using site = await siteOfFile(packBytesOf(Buffer.alloc(8 * 1024 ** 2, 1)));
    const [program = '', ...words] = [...TOOLCRIB, ...RESOLVE];
    const script = `set -o pipefail; "$0" "$@" | head -c 4 > head`;
    const options = { cwd: site.folder, env: cliEnvironment(site.folder) };
    await promisify(execFile)('bash', ['-c', script, program, ...words], options);
    expect(await readFile(join(site.folder, 'head'))).toHaveLength(4);
  });

  test('does not write to a terminal', requireOrSkip(withoutTerminal), async () => {
    await using site = await siteOfFile();
    const command = [...TOOLCRIB, ...RESOLVE].map((word) => `'${word}'`).join(' ');
    const options = { cwd: site.folder, env: cliEnvironment(site.folder) };
    const ended = await promisify(execFile)(
      'script',
      ['--quiet', '--return', '--command', command, '/dev/null'],
      options,
    ).catch((error: unknown) => error);
    expect(ended).toMatchObject({ code: 2, stdout: expect.stringContaining('-o FILE') as unknown });
  });

  test.each<readonly [number, string, readonly string[], string]>([
    [2, 'a reference that is none', ['ext', 'resolve', 'http://x'], 'REFERENCE_INVALID'],
    [2, 'a lock that is not there', [...RESOLVE, '--frozen'], 'LOCK_OUTDATED'],
    [2, 'a store that is not named', ['ext', 'add', 'x', 'store://x@1'], 'USAGE'],
    [3, 'an extension that is not declared', ['ext', 'resolve', 'ext://x#component'], 'NOT_FOUND'],
    [7, 'one that is not cached', ['--offline', 'ext', 'add', 'x', 'store://x@1'], 'OFFLINE'],
  ])('ends with %i for %s', async (code, _, args, expected) => {
    await using site = await siteOfFile();
    const ended = await toolcrib(['--json', ...args], { cwd: site.folder });
    expect([ended.code, documentOf(ended)]).toMatchObject([code, { error: { code: expected } }]);
  });

  test('takes no empty name for a file or a directory', async () => {
    await using site = await siteOfFile();
    await site.write('pack/component.wasm', componentOf('one'));
    const refused = [
      [...RESOLVE, '-o', ''],
      [...RESOLVE, '--pack', ''],
      ['ext', 'pack', 'pack', '--id', ID, '-o', ''],
      ['ext', 'add', ID, 'http.gtxpack', '--pack', ''],
      ['ext', 'lock', '--pack', ''],
      ['ext', 'secrets', 'agents.json', '--pack', ''],
      ['ext', 'inject', `ext://${ID}#component`, 'local:.', '--pack', ''],
    ];
    for (const args of refused) {
      const { code, stderr } = await toolcrib(args, { cwd: site.folder });
      expect([args, code, stderr]).toEqual([args, 2, expect.stringContaining('its name is empty')]);
    }
  });

  test('takes no "-" for a file', async () => {
    await using site = await siteOfFile();
    for (const command of [RESOLVE, ['ext', 'pack', 'packs', '--id', 'a', '--component', 'http.gtxpack']]) {
      const { code, stderr } = await toolcrib([...command, '-o', '-'], { cwd: site.folder });
      expect([code, stderr]).toEqual([2, expect.stringContaining('a file of that name is ./-')]);
    }
    expect(await readdir(site.folder)).not.toContain('-');
  });

  test('ends with 4 for other bytes than were locked, and leaves the file alone', async () => {
    await using site = await siteOfFile();
    await site.write('it.wasm', 'before');
    expect(await toolcrib(['ext', 'lock'], { cwd: site.folder })).toMatchObject({ code: 0 });
    await site.write('packs/http.gtxpack', packOf('two'));
    const ended = await toolcrib(['--json', ...RESOLVE, '-o', 'it.wasm'], { cwd: site.folder });
    expect([ended.code, documentOf(ended)]).toMatchObject([4, { error: { code: 'DIGEST_MISMATCH' } }]);
    expect(await readFile(join(site.folder, 'it.wasm'), 'utf8')).toBe('before');
  });
});

describe('toolcrib ext add and lock', () => {
  test('declare, lock and check, and tell what they did', async () => {
    await using site = await scratchProject();
    await site.write('http.gtxpack', pack);
    const run = (...args: readonly string[]) => toolcrib(['ext', ...args], { cwd: site.folder });
    const locked = `${ID}\n  source       http.gtxpack\n  locked       ${digestOf(pack)}, ${pack.byteLength} B\n`;
    expect(await run('add', ID, 'http.gtxpack')).toMatchObject({ code: 0, stdout: locked });
    const file = join(site.folder, 'pack.extensions.lock.json');
    expect(await run('lock')).toMatchObject({ code: 0, stdout: `${file}: up to date\n${locked}` });
    expect(await run('lock', '--frozen')).toMatchObject({ code: 0 });
    await site.write('http.gtxpack', packOf('two'));
    expect(await run('lock', '--frozen')).toMatchObject({ code: 4 });
    expect(await run('lock')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${file}: written\n`) as unknown,
    });
    await declare(site, []);
    expect(await run('lock', '--frozen')).toMatchObject({ code: 2 });
  });
});

describe('what a command of extensions is to read', () => {
  const commands: readonly (readonly string[])[] = [
    ['ext', 'secrets', 'INPUT'],
    ['ext', 'publish', 'INPUT', '--version', '1', '--to', 'file:store'],
    ['ext', 'add', 'x', 'INPUT'],
    ['ext', 'add', 'x', 'file://CWD/INPUT'],
  ];
  const ofDirectories: readonly (readonly string[])[] = [
    ['ext', 'pack', 'INPUT', '--id', 'x', '-o', 'out'],
    ['ext', 'add', 'x', 'packs/http.gtxpack', '--pack', 'INPUT'],
    ['ext', 'lock', '--pack', 'INPUT'],
    [...RESOLVE, '--pack', 'INPUT'],
  ];
  const missing = ['none', 'packs/http.gtxpack/below'];
  const all = [
    ...[...commands, ...ofDirectories].flatMap((args) =>
      missing.map((input) => [3, 'NOT_FOUND', input, args] as const),
    ),
    ...commands.flatMap((args) => ['packs', 'pipe'].map((input) => [2, 'USAGE', input, args] as const)),
    ...ofDirectories.map((args) => [2, 'USAGE', 'packs/http.gtxpack', args] as const),
  ];

  test('ends with 3 where it is not there, and with 2 where it is something else, whatever the command', async () => {
    await using site = await siteOfFile();
    await promisify(execFile)('mkfifo', [join(site.folder, 'pipe')]);
    for (const [code, expected, input, args] of all) {
      const words = args.map((word) => word.replace('INPUT', input).replace('CWD', site.folder));
      const ended = await toolcrib(['--json', ...words], { cwd: site.folder });
      expect([words, ended.code, documentOf(ended)]).toMatchObject([words, code, { error: { code: expected } }]);
    }
  });
});

const noNetwork =
  (await programsMissing('unshare')) ??
  (await registryAvailable()) ??
  (process.getuid?.() === 0 ? undefined : 'a network namespace needs root');

describe('without any network', requireOrSkip(noNetwork), () => {
  test('everything that was resolved once is resolved again, whatever its source', async () => {
    await using registry = await startRegistry();
    await using store = await startExtensionStore({ 'acme/http/1.0.0': { bytes: packOf('store') } });
    const digest = await pushWithSkopeo({ layers: [{ bytes: packOf('oci') }] }, `${registry.host}/team/http:1.0`);
    await using site = await siteOfFile(packOf('file'));
    await site.write(
      'toolcrib.json',
      JSON.stringify({ tool: 'x', targets: ['amd64'], repoBase: `http://${registry.host}` }),
    );
    store.packs.set('url/1', { bytes: packOf('http') });
    await declare(site, [
      { id: 'file', ref: 'packs/http.gtxpack' },
      { id: 'store', ref: REF },
      { id: 'http', ref: `${store.url}/api/v1/extensions/url/1/artifact` },
      { id: 'oci', ref: `oci://${registry.host}/team/http@${digest}` },
      { id: 'repo', ref: `repo://team/http@${digest}` },
    ]);
    const env = { TOOLCRIB_STORE_URL: store.url };
    const says = { file: 'file', store: 'store', http: 'http', oci: 'oci', repo: 'oci' };
    for (const id of Object.keys(says)) {
      expect(
        await toolcrib(['ext', 'resolve', `ext://${id}#component`, '-o', id], { cwd: site.folder, env }),
      ).toMatchObject({ code: 0 });
    }
    for (const [id, text] of Object.entries(says)) {
      const args = ['--offline', 'ext', 'resolve', `ext://${id}#component`];
      expect(await bare(args, site.folder, ['unshare', '-n'])).toEqual(componentOf(text));
    }
    // Locked, nobody is asked, also without --offline.
    expect(await toolcrib(['ext', 'lock'], { cwd: site.folder, env })).toMatchObject({ code: 0 });
    for (const [id, text] of Object.entries(says)) {
      expect(await bare(['ext', 'resolve', `ext://${id}#component`], site.folder, ['unshare', '-n'])).toEqual(
        componentOf(text),
      );
    }
  });
});

describe('many processes', () => {
  test('download a locked pack once', async () => {
    await using store = await startExtensionStore({ 'acme/http/1.0.0': { bytes: pack } });
    await using site = await scratchProject();
    await declare(site, [{ id: ID, ref: REF }]);
    await writeLock(site, [{ id: ID, ref: REF, digest: digestOf(pack) }]);
    const env = { TOOLCRIB_STORE_URL: store.url };
    const ended = await Promise.all(
      [1, 2, 3, 4].map((each) => toolcrib([...RESOLVE, '-o', `${each}.wasm`], { cwd: site.folder, env })),
    );
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(store.asked).toHaveLength(1);
    for (const each of [1, 2, 3, 4]) expect(await readFile(join(site.folder, `${each}.wasm`))).toEqual(component);
  });

  test('of which one is killed in the middle leave nothing that anybody takes for a pack', async () => {
    const large = packBytesOf(
      Buffer.concat([componentOf(''), Buffer.from(Array.from({ length: 2e6 }, (_, at) => (at * at) % 251))]),
    );
    const waiting: ServerResponse[] = [];
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': large.byteLength });
      response.write(large.subarray(0, large.byteLength >> 1));
      waiting.push(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
    try {
      await using site = await scratchProject();
      await declare(site, [{ id: ID, ref: REF }]);
      await writeLock(site, [{ id: ID, ref: REF, digest: digestOf(large) }]);
      const env = { TOOLCRIB_STORE_URL: `http://127.0.0.1:${address.port}` };
      const names = (): Promise<readonly string[]> => readdir(join(site.folder, 'cache/ext-store'));
      await mkdir(join(site.folder, 'cache/ext-store'), { recursive: true });
      const changes = watch(join(site.folder, 'cache/ext-store'));
      const killed = startCli([...RESOLVE, '-o', 'it.wasm'], { cwd: site.folder, env });
      for await (const { filename } of changes) if (filename?.endsWith('.tmp') === true) break;
      killed.process.kill('SIGKILL');
      await killed.end;
      expect(await names()).toEqual([expect.stringMatching(/^\.toolcrib-.*\.tmp$/)]);
      const again = startCli([...RESOLVE, '-o', 'it.wasm'], { cwd: site.folder, env });
      while (waiting.length < 2) await Promise.race([once(server, 'request'), again.end]);
      waiting[1]?.end(large.subarray(large.byteLength >> 1));
      expect(await again.end).toMatchObject({ code: 0 });
      expect((await names()).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
