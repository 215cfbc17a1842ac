import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleLibrary } from '../../../../../scripts/bundle-command.mjs';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { componentOf, declare, digestOf, packOf } from '../../unit/extensions/pack-site.ts';

/** Modules of Node that speak with other machines, or with other programs. */
const NETWORK = /^(?:child_process|cluster|dgram|dns|http|http2|https|inspector|net|tls|worker_threads)(?:\/|$)/;

/** Whatever the files of a bundle can load from a file on, now or later: files, and modules of Node. */
async function reachableFrom(file: string): Promise<ReadonlySet<string>> {
  const reached = new Set<string>();
  const queue = [file];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    if (!path.startsWith('/')) continue;
    const text = await readFile(path, 'utf8');
    for (const [, name = ''] of text.matchAll(/(?:\bfrom|\bimport|\brequire)\s*\(?\s*["'`]([^"'`\n]+)["'`]/g)) {
      if (/^\.\.?\/.+\.js$/.test(name)) queue.push(join(dirname(path), name));
      else if (isBuiltin(name)) queue.push(name.replace(/^node:/, ''));
    }
  }
  return reached;
}

describe('toolcrib/ext-local, as it is published', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'toolcrib-library-'));
    await bundleLibrary(folder);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('can load nothing that opens a socket or starts a program', async () => {
    const local = [...(await reachableFrom(join(folder, 'ext-local.js')))];
    expect(local).toContain('crypto');
    expect(local.length).toBeGreaterThan(3);
    expect(local.filter((name) => NETWORK.test(name))).toEqual([]);
    // The same look at the whole library finds them.
    const whole = [...(await reachableFrom(join(folder, 'index.js')))];
    expect(whole.filter((name) => NETWORK.test(name))).toEqual(expect.arrayContaining(['http', 'tls']));
  });

  test('resolves, and has loaded nothing of the kind when it has', async () => {
    await using site = await scratchProject();
    await site.write('http.gtxpack', packOf('one'));
    await declare(site, [{ id: 'acme.http', ref: 'http.gtxpack' }]);
    const program = `
      import { writeFileSync } from 'node:fs';
      import { resolveLocalComponent } from '${join(folder, 'ext-local.js')}';
      const { bytes, digest } = await resolveLocalComponent('.', 'ext://acme.http#component');
      const loaded = process.moduleLoadList.flatMap((each) => /^NativeModule (?!internal)(.*)/.exec(each)?.[1] ?? []);
      writeFileSync('said.json', JSON.stringify({ size: bytes.byteLength, digest, loaded }));
    `;
    await site.write('program.mjs', program);
    await promisify(execFile)(process.execPath, ['program.mjs'], { cwd: site.folder, env: {} });
    const said = JSON.parse(await readFile(join(site.folder, 'said.json'), 'utf8')) as { readonly loaded: string[] };
    const component = componentOf('one');
    expect(said).toMatchObject({ size: component.byteLength, digest: digestOf(component) });
    expect(said.loaded).toContain('zlib');
    expect(said.loaded.filter((name) => NETWORK.test(name))).toEqual([]);
  });
});
