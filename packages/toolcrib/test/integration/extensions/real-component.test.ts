import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startServe } from '../../servers/serve.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { digestOf } from '../../unit/extensions/pack-site.ts';
import { documentOf, toolcrib } from '../cli/command-line.ts';

const ID = 'acme.greeter';
const WORLD = 'package acme:greeter; world greeter { export greet: func(name: string) -> string; }';
const SOURCE = "export function greet(name) { return 'hello ' + name; }";
const BUILDER = import.meta.resolve('@bytecodealliance/componentize-js');
/** Comes with it, and turns a component into what Node can run. */
const JCO = join(import.meta.dirname, '../../../../../node_modules/@bytecodealliance/jco/src/jco.js');

/** Builds it from `greeter.js` and `greeter.wit` of a folder, in which the builder has to stand. */
async function buildComponent(folder: string): Promise<Buffer> {
  const options = {
    sourcePath: join(folder, 'greeter.js'),
    witPath: join(folder, 'greeter.wit'),
    worldName: 'greeter',
  };
  const disableFeatures = ['stdio', 'random', 'clocks', 'http', 'fetch-event'];
  const script = `import { writeFile } from 'node:fs/promises';
    import { componentize } from ${JSON.stringify(BUILDER)};
    const { component } = await componentize(${JSON.stringify({ ...options, disableFeatures })});
    await writeFile('built.wasm', component);`;
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: folder });
  return await readFile(join(folder, 'built.wasm'));
}

/** What the component says, when it is run. */
async function greet(component: string, folder: string): Promise<unknown> {
  const out = join(folder, 'transpiled');
  await promisify(execFile)(process.execPath, [JCO, 'transpile', component, '--name', 'greeter', '-o', out, '--quiet']);
  await writeFile(join(out, 'package.json'), '{"type":"module"}');
  const script = `console.log((await import(${JSON.stringify(pathToFileURL(join(out, 'greeter.js')).href)})).greet('crib'))`;
  return (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])).stdout;
}

test('a real component is packed, published, locked, resolved, and runs', async () => {
  await using server = await startServe();
  await using site = await scratchProject();
  await site.write('greeter.js', SOURCE);
  await site.write('greeter.wit', WORLD);
  const component = await buildComponent(site.folder);
  await site.write('greeter/component.wasm', component);
  const env = {
    TOOLCRIB_STORE_URL: server.url,
    TOOLCRIB_HTTP_TOKEN: server.token,
    TOOLCRIB_HTTP_TOKEN_ORIGIN: server.url,
  };
  const run = async (...args: readonly string[]): Promise<unknown> => {
    const end = await toolcrib(['--json', 'ext', ...args], { cwd: site.folder, env });
    expect([end.code, end.stderr]).toEqual([0, '']);
    return documentOf(end);
  };
  const digest = digestOf(component);
  const packed = await run('pack', 'greeter', '--id', ID, '-o', 'greeter.gtxpack');
  expect(packed).toMatchObject({ id: ID, component: { kind: 'component', digest, size: component.byteLength } });
  await run('publish', 'greeter.gtxpack', '--version', '1.0.0', '--to', server.url);
  await run('add', ID, `store://${ID}@1.0.0`, '--allow-tags');
  await run('lock', '--frozen');
  const resolved = await run('resolve', `ext://${ID}#component`, '--frozen', '-o', 'resolved.wasm');
  expect(resolved).toMatchObject({ digest });
  const path = join(site.folder, 'resolved.wasm');
  expect((await readFile(path)).equals(component)).toBe(true);
  expect(await greet(path, site.folder)).toBe('hello crib\n');
});
