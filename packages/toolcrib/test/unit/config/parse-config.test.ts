import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anchorStore, parseConfig } from '../../../src/config/read-config.ts';
import { parseStoreReference } from '../../../src/core/reference.ts';
import { TARGET_NAMES } from '../../../src/core/target.ts';
import { failureOf } from '../core/failure.ts';
import { toolName } from '../core/vocabulary.ts';

const smallest = { tool: 'sandbox-tools', targets: ['amd64-any'] };
const failure = (json: unknown) => failureOf(() => parseConfig(JSON.stringify(json), 'x/toolcrib.json'));

describe('a configuration', () => {
  test('needs a tool and its targets; everything else has a default', () => {
    expect(parseConfig(JSON.stringify(smallest), 'f')).toEqual({
      tool: 'sandbox-tools',
      versionFile: 'tool-version.txt',
      sumsFile: 'SHA256SUMS',
      binaries: 'binaries',
      sources: [],
      baseBranch: 'main',
      targets: ['amd64-any'],
      stores: [],
      rewrite: [],
      healthcheck: ['healthcheck'],
      install: ['/var/lib/toolcrib', '/opt/toolcrib', '/tmp/toolcrib'],
      images: [],
    });
  });

  test('is read as it was written', () => {
    const full = {
      $schema: './node_modules/toolcrib/toolcrib.schema.json',
      tool: 'tool',
      versionFile: 'v.txt',
      sumsFile: 'SUMS',
      binaries: 'bin',
      sources: ['src', ':(exclude)src/test'],
      baseBranch: 'trunk',
      targets: ['amd64', 'arm64-musl'],
      build: { driver: 'command', command: 'make' },
      stores: ['file:./store', 's3://bucket/prefix?region=eu-north-1'],
      rewrite: [{ from: 'https://a.example/', to: 'https://b.example/' }],
      entrypoint: ['bin/x', '--quiet'],
      healthcheck: ['--health'],
      install: ['/srv/tools'],
      images: ['debian:12', 'images.example.com:5000/team/image:1.0'],
      cache: { maxBytes: '5 GB', maxAgeDays: 30 },
    };
    expect(parseConfig(JSON.stringify(full), 'f')).toEqual(full);
  });

  test('takes every tool name and every set of targets', () => {
    fc.assert(
      fc.property(toolName, fc.subarray([...TARGET_NAMES], { minLength: 1 }), (tool, targets) => {
        expect(parseConfig(JSON.stringify({ tool, targets }), 'f')).toMatchObject({ tool, targets });
      }),
    );
  });

  test('names an unknown key, and the keys that are allowed', () => {
    const error = failure({ ...smallest, taregts: [] });
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toBe('x/toolcrib.json: key "taregts" is unknown');
    expect(error.hint).toContain('targets, build, stores');
    expect(error.details).toEqual({ file: 'x/toolcrib.json', key: 'taregts' });
  });

  test.each(['https://images.example.com/extensions', 'oci://images.example.com', 'http://127.0.0.1:5000/a/b/'])(
    'takes %s for the base of repo:// references',
    (repoBase) => expect(parseConfig(JSON.stringify({ ...smallest, repoBase }), 'f')).toMatchObject({ repoBase }),
  );

  test.each(['images.example.com', 'http://images.example.com/x', 'oci://HOST/x?tag=1', 'https://host/x:tag', ''])(
    'does not take %j for the base of repo:// references',
    (repoBase) => {
      const error = failure({ ...smallest, repoBase });
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.message).toContain('"repoBase": not a base of repo:// references');
    },
  );

  test('takes "__proto__" for the unknown key that it is', () => {
    const error = failureOf(() => parseConfig('{"__proto__": {"tool": "x"}, "targets": ["amd64"]}', 'f'));
    expect(error.message).toContain('key "__proto__" is unknown');
  });

  test.each([
    ['tool', { ...smallest, tool: 'Sandbox Tools' }, ['lower-case words joined by single dashes']],
    ['tool', { targets: ['amd64'] }, ['expected string, received undefined']],
    ['targets', { tool: 'x' }, ['expected array, received undefined']],
    ['targets', { ...smallest, targets: [] }, ['>=1']],
    ['targets', { ...smallest, targets: ['amd64', 'amd64'] }, ['listed twice']],
    ['targets.1', { ...smallest, targets: ['amd64', 'x86_64'] }, TARGET_NAMES],
    ['build.driver', { ...smallest, build: { driver: 'make' } }, ['bun', 'command', 'docker']],
    ['build.driver', { ...smallest, build: {} }, ['bun', 'command', 'docker']],
    ['build.output', { ...smallest, build: { driver: 'docker' } }, []],
    ['build.output', { ...smallest, build: { driver: 'docker', output: '../tool' } }, ['absolute path']],
    ['build.entry', { ...smallest, build: { driver: 'bun' } }, ['expected string']],
    [
      'build',
      { ...smallest, build: { driver: 'command', command: 'make', shell: 'zsh' } },
      ['"shell"', 'driver, command'],
    ],
    ['rewrite.0', { ...smallest, rewrite: [{ from: 'https://a', to: 'https://b', when: 1 }] }, ['"when"', 'from, to']],
    ['rewrite.0.to', { ...smallest, rewrite: [{ from: 'https://a', to: 'b' }] }, ['URL']],
    ['stores.0', { ...smallest, stores: ['ftp://host/base'] }, ['unknown store', 'file:DIR', 's3://BUCKET']],
    ['stores.0', { ...smallest, stores: ['github:owner'] }, ['not a GitHub store', 'github:OWNER/REPO']],
    ['attestation', { ...smallest, attestation: { required: true } }, ['"required"', 'require, publicKeys']],
    ['attestation.require', { ...smallest, attestation: { require: 'yes' } }, ['expected boolean']],
    ['attestation.identities.0.issuer', { ...smallest, attestation: { identities: [{ issuer: 'x' }] } }, ['URL']],
    ['attestation.trustedRootDigest', { ...smallest, attestation: { trustedRootDigest: 'x' } }, ['sha256:']],
    ['stores.1', { ...smallest, stores: ['file:x', 's3://b'] }, ['not an S3 store']],
    ['versionFile', { ...smallest, versionFile: '' }, ['>=1']],
    ['entrypoint', { ...smallest, entrypoint: [] }, ['>=1']],
    ['healthcheck', { ...smallest, healthcheck: 'healthcheck' }, ['expected array']],
    ['cache.maxBytes', { ...smallest, cache: { maxBytes: -1 } }, ['>=0']],
    ['cache.maxBytes', { ...smallest, cache: { maxBytes: '5 gb' } }, ['GB']],
    ['cache.maxAgeDays', { ...smallest, cache: { maxAgeDays: '30' } }, ['expected number']],
    ['cache', { ...smallest, cache: { maxSize: 1 } }, ['"maxSize"', 'maxBytes, maxAgeDays']],
    ['install.0', { ...smallest, install: ['opt'] }, ['absolute path']],
    ['install.0', { ...smallest, install: ['/opt/../etc'] }, ['without . or ..']],
    ['install.0', { ...smallest, install: ['/'] }, ['absolute path']],
    ['images.1', { ...smallest, images: ['debian', '--privileged'] }, ['an image, e.g. debian:12']],
    ['images', { ...smallest, images: ['debian', 'debian'] }, ['listed twice']],
  ])('names the key %s when its value is wrong, and what is expected: %j', (key, json, words) => {
    const error = failure(json);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(`x/toolcrib.json: "${key}": `);
    for (const word of words) expect(error.message).toContain(word);
    expect(error.details['key']).toBe(key);
    expect(error.hint).toContain('docs/formats.md');
  });

  test.each(['null', '[]', '1', '"x"'])('that is %s is no configuration', (text) => {
    const error = failureOf(() => parseConfig(text, 'x/toolcrib.json'));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toBe('x/toolcrib.json: expected a JSON object');
  });

  test.each([
    ['an unexpected word', '{\n  "tool": sandbox-tools\n}', 2],
    ['an unexpected word on the first line', '{ "tool": x }', 1],
    ['a word cut short', '{\n"a": tru\n}', 2],
    ['a missing comma', '{\n  "tool": "x"\n  "targets": []\n}', 3],
    ['a trailing comma', '{\n  "tool": "x",\n}\n', 3],
    ['a comment', '{\n  "tool": "x",\n  // mine\n  "targets": []\n}', 3],
    ['a line break in a text', '{\n  "tool": "x\n"}', 2],
    ['no end', '{\n  "tool": "x"', 2],
    ['nothing', '', 1],
    ['more than one value', '{}\n{}', 2],
    ['the same good line before the bad one', '["x",\n"x",\nx]', 3],
  ])('with %s is refused, naming file and line', (_, text, line) => {
    const error = failureOf(() => parseConfig(text, 'x/toolcrib.json'));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(`x/toolcrib.json:${line}: not JSON`);
  });

  test('never shows the credentials of a store', () => {
    const error = failure({ ...smallest, stores: ['https://me:SECRET@host/base'] });
    expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain('SECRET');
  });

  test('is read or refused, whatever is in it', () => {
    const key = fc.constantFrom('tool', 'targets', 'build', 'stores', 'rewrite', 'install', 'cache', 'x');
    const json = fc.dictionary(key, fc.jsonValue()).map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), json), (text) => {
        try {
          expect(parseConfig(text, 'f').targets.length).toBeGreaterThan(0);
        } catch {
          expect(failureOf(() => parseConfig(text, 'f')).code).toBe('CONFIG_INVALID');
        }
      }),
    );
  });
});

describe('a directory store in a configuration', () => {
  test('is meant from the folder of the configuration', () => {
    const store = parseStoreReference('file:../store');
    expect(anchorStore(store, '/srv/project')).toEqual({ ...store, directory: '/srv/store' });
  });

  test('stays where it is when its path is absolute', () => {
    const store = parseStoreReference('file:/store');
    expect(anchorStore(store, '/srv/project')).toEqual(store);
  });

  test('is the only kind that depends on a folder', () => {
    const store = parseStoreReference('s3://bucket/prefix');
    expect(anchorStore(store, '/srv/project')).toEqual(store);
  });
});
