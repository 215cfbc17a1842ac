import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PACK_LIMITS } from '../../../../src/extensions/pack/limits.ts';
import { createPack, type CreatePackOptions } from '../../../../src/extensions/pack/create-pack.ts';
import { openPack } from '../../../../src/extensions/pack/read-pack.ts';
import { failureOfAsync } from '../../core/failure.ts';
import { digestText } from './zip-bytes.ts';

const COMPONENT = Buffer.from('\0asm\r\0\x01\0rest', 'latin1');
const MODULE = Buffer.from('\0asm\x01\0\0\0rest', 'latin1');

type Files = Readonly<Record<string, string | Uint8Array>>;

async function folderOf(files: Files): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return folder;
}

const pack = async (files: Files, options: Omit<CreatePackOptions, 'directory'> = {}) =>
  await createPack({ directory: await folderOf(files), ...options });

const refusal = async (files: Files, options?: Omit<CreatePackOptions, 'directory'>) =>
  await failureOfAsync(() => pack(files, options));

const sidecar = (component: object): string => JSON.stringify({ component });

describe('a packed directory', () => {
  test('holds every file as it was, and a component.json with the measured digest', async () => {
    const created = await pack({ 'component.wasm': COMPONENT, 'docs/a.md': '# a', 'b.txt': 'b' }, { id: 'my.ext' });
    expect(created).toMatchObject({
      id: 'my.ext',
      digest: digestText(created.bytes),
      component: {
        asset: 'component.wasm',
        digest: digestText(COMPONENT),
        size: COMPONENT.byteLength,
        kind: 'component',
      },
      tools: null,
    });
    expect(created.entries.map(({ name }) => name)).toEqual(['b.txt', 'component.json', 'component.wasm', 'docs/a.md']);
    const read = await openPack(created.bytes, { extensionId: 'my.ext' });
    expect(Buffer.from((await read.readComponent()).bytes)).toEqual(COMPONENT);
  });

  test('is the same bytes whatever the time, the zone, the modes and the order in which files came to be', async () => {
    const names = { 'component.wasm': COMPONENT, a: 'a', 'b/c': 'c' };
    const first = await pack(names, { id: 'my.ext' });
    const folder = await folderOf(Object.fromEntries(Object.entries(names).toReversed()));
    await chmod(join(folder, 'a'), 0o700);
    await utimes(join(folder, 'a'), 1, 1);
    await rename(join(folder, 'a'), join(folder, 'z'));
    await rename(join(folder, 'z'), join(folder, 'a'));
    expect(Buffer.compare((await createPack({ directory: folder, id: 'my.ext' })).bytes, first.bytes)).toBe(0);
    const module = new URL('../../../../src/extensions/pack/create-pack.ts', import.meta.url).href;
    const script = `const { createPack } = await import(${JSON.stringify(module)});
      console.log((await createPack({ directory: ${JSON.stringify(folder)}, id: 'my.ext' })).digest)`;
    for (const TZ of ['Pacific/Kiritimati', 'Pacific/Pago_Pago']) {
      const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], { env: { TZ } });
      expect(String(told).trim()).toBe(first.digest);
    }
  });

  test('gives back whatever was in it', async () => {
    const name = fc
      .stringMatching(/^[a-z]{1,8}(?:\/[a-zäß_.-]{1,8}x){0,2}$/)
      .filter((each) => !/^(?:con|prn|aux|nul)(?:\/|$)/.test(each));
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, fc.uint8Array({ maxLength: 3000 }), { maxKeys: 5 }), async (files) => {
        const isTree = Object.keys(files).every(
          (each) => !Object.keys(files).some((other) => other.startsWith(`${each}/`)),
        );
        fc.pre(isTree);
        const { bytes, entries } = await pack({ ...files, 'component.wasm': COMPONENT }, { id: 'my.ext' });
        const read = await openPack(bytes, { extensionId: 'my.ext' });
        await read.verifyEntries();
        const sizes = Object.entries(files).map(([each, { byteLength: size }]) => ({ name: each, size }));
        expect(entries).toEqual(expect.arrayContaining(sizes));
        expect(entries).toHaveLength(sizes.length + 2);
      }),
      { numRuns: 20 },
    );
  });

  test('keeps what else its component.json says', async () => {
    const written = JSON.stringify({ note: 'mine', component: { id: 'x', asset: 'a/b.wasm', world: 'w' } });
    const { bytes, component } = await pack({ 'component.json': written, 'a/b.wasm': COMPONENT });
    expect(component.asset).toBe('a/b.wasm');
    const digest = digestText(COMPONENT);
    const read = await openPack(bytes, { extensionId: 'x' });
    expect(await read.readComponent()).toMatchObject({ id: 'x', digest });
    const again = await pack({
      'component.json': written.replace('"w"', `"w","digest":"${digest}"`),
      'a/b.wasm': COMPONENT,
    });
    expect(again.digest).toBe(digestText(bytes));
  });

  test('knows a component from a core module and from anything else', async () => {
    const kindOf = async (content: Uint8Array) =>
      (await pack({ 'component.wasm': content }, { id: 'x' })).component.kind;
    expect(await kindOf(MODULE)).toBe('module');
    expect(await kindOf(Buffer.from('#!/bin/sh'))).toBe('none');
    expect(await kindOf(Buffer.from('\0as', 'latin1'))).toBe('none');
  });

  test('tells the tools that it describes', async () => {
    const describeJson = {
      contributions: { tools: [{ name: 'get' }, { name: 'put', secret_requirements: [{ key: 'K' }] }] },
    };
    const files = { 'component.wasm': COMPONENT, 'describe.json': JSON.stringify(describeJson) };
    expect((await pack(files, { id: 'x' })).tools).toEqual(['get', 'put']);
  });
});

describe('nothing is packed', () => {
  test('that says another digest than its component has', async () => {
    const said = digestText(Buffer.from('other'));
    const files = { 'component.json': sidecar({ id: 'x', asset: 'c', digest: said }), c: COMPONENT };
    const error = await refusal(files);
    expect(error).toMatchObject({ name: 'IntegrityError', code: 'DIGEST_MISMATCH' });
    expect(error.message).toContain(said);
    expect(error.message).toContain(digestText(COMPONENT));
  });

  test.each<readonly [string, Files, Omit<CreatePackOptions, 'directory'>, string]>([
    ['without an id', { 'component.wasm': COMPONENT }, {}, 'nothing says the id'],
    ['without a component', { a: 'a' }, { id: 'x' }, 'there is no component "component.wasm"'],
    [
      'whose component is the sidecar itself',
      { 'component.json': sidecar({ id: 'x', asset: 'component.json' }) },
      {},
      'there is no component',
    ],
    ...['d/', 'd'].map(
      (asset) =>
        [
          `whose component is a directory, ${asset}`,
          { 'component.json': sidecar({ id: 'x', asset }), 'd/a': 'a' },
          {},
          `its component "${asset}" is a directory`,
        ] as const,
    ),
    ['with a component.json that is none', { 'component.json': '{}', a: 'a' }, {}, 'component.json of'],
    ['with an empty id', { 'component.json': sidecar({ id: ' ', asset: 'a' }), a: 'a' }, {}, 'component.id is empty'],
    [
      'under another id than it says',
      { 'component.json': sidecar({ id: 'x', asset: 'a' }), a: 'a' },
      { id: 'y' },
      '"y" was asked for',
    ],
    [
      'with a describe.json that is none',
      { 'component.wasm': 'a', 'describe.json': '{"contributions":{"tools":[{}]}}' },
      { id: 'x' },
      'contributions.tools.0.name is missing',
    ],
    ['with a backslash in a name', { 'component.wasm': 'a', 'a\\b': '' }, { id: 'x' }, 'has a backslash'],
  ])('%s', async (_, files, options, words) => {
    const error = await refusal(files, options);
    expect(error.name).toBe('UsageError');
    expect(error.message).toContain(words);
  });

  test.each([
    ['a:b', 'has a : in its name'],
    ['what?.md', 'has a ? in its name'],
    ['docs/a|b', 'has a | in its name'],
    ['CON', 'has the name of a device'],
    ['docs/nul.txt', 'has the name of a device'],
    ['com1.d/a', 'has the name of a device'],
    ['LPT³', 'has the name of a device'],
    ['aux .md', 'has the name of a device'],
    ['a.', 'ends with a dot or a blank'],
    ['docs /a', 'ends with a dot or a blank'],
  ])('with a name that Windows cannot have: %j', async (name, words) => {
    const error = await refusal({ 'component.wasm': COMPONENT, [name]: '' }, { id: 'x' });
    expect([error.name, error.hint]).toEqual(['UsageError', 'rename it: a pack is for every system']);
    expect(error.message).toContain(words);
  });

  test.each([
    ['a', 'A'],
    ['docs/a', 'DOCS/b'],
    ['docs/a', 'Docs'],
    ['caf\u00e9', 'cafe\u0301'],
    ['Component.json', 'component.json'],
  ])('with two names that are one on other systems: %j and %j', async (one, other) => {
    const others = [one, other].filter((name) => name !== 'component.json');
    const files = Object.fromEntries(others.map((name) => [name, '']));
    const error = await refusal({ 'component.wasm': COMPONENT, ...files }, { id: 'x' });
    expect(error.name).toBe('UsageError');
    expect(error.message).toContain('where case or accents do not count');
  });

  test('takes names that only look like those', async () => {
    const names = ['.hidden', 'console', 'nul-terminated.md', 'com10', 'COM', 'cafe\u0301', 'a..b', 'B/a', 'c/B'];
    const files = Object.fromEntries(names.map((name) => [name, '']));
    const { entries } = await pack({ 'component.wasm': COMPONENT, ...files }, { id: 'x' });
    expect(entries.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
  });

  test('that has a link or a pipe in it', async () => {
    const folder = await folderOf({ 'component.wasm': COMPONENT });
    await symlink('/etc/passwd', join(folder, 'link'));
    const linked = await failureOfAsync(() => createPack({ directory: folder, id: 'x' }));
    expect(linked.message).toContain('"link" is a link');
    await rm(join(folder, 'link'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const piped = await failureOfAsync(() => createPack({ directory: folder, id: 'x' }));
    expect(piped.message).toContain('"pipe" is no file and no directory');
  });

  test.each([
    ['missing', 'NotFoundError', 'is not there'],
    ['component.wasm', 'UsageError', 'is a file, and a directory is needed'],
    ['component.wasm/below', 'NotFoundError', 'is not there'],
  ])('that is no directory: %s', async (name, kind, words) => {
    const directory = join(await folderOf({ 'component.wasm': COMPONENT }), name);
    const error = await failureOfAsync(() => createPack({ directory, id: 'x' }));
    expect([error.name, error.message]).toEqual([kind, `${directory} ${words}`]);
  });

  test('that is larger than a pack may be', async () => {
    const files = { 'component.wasm': COMPONENT, a: 'a', b: 'b' };
    const limited = (limit: object) => ({ id: 'x', limits: { ...PACK_LIMITS, ...limit } });
    expect((await refusal(files, limited({ maxEntries: 2 }))).message).toContain('one more file than a pack may have');
    expect((await refusal(files, limited({ maxEntryBytes: 5 }))).code).toBe('TOO_LARGE');
    expect((await refusal(files, limited({ maxPackBytes: 13 }))).code).toBe('TOO_LARGE');
  });
});
