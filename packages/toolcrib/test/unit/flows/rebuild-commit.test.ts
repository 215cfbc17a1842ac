import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rebuildEnvironment } from '../../../src/flows/rebuild-commit.ts';

describe('the environment of a rebuild', () => {
  test('has the machine and the language, and a home of its own', () => {
    const kept = { PATH: '/bin', LANG: 'C.UTF-8', LC_ALL: 'C', TMPDIR: '/x', TZ: 'UTC', CI: 'true' };
    const proxies = { https_proxy: 'http://proxy:3128', NO_PROXY: 'localhost,.example' };
    expect(rebuildEnvironment({ ...kept, ...proxies, HOME: '/root' }, '/h')).toEqual({
      ...kept,
      ...proxies,
      HOME: '/h',
    });
  });

  test('has no secret, whatever the variable is called that it stands in', () => {
    const known = fc.constantFrom(
      'GITHUB_TOKEN',
      'AWS_SECRET_ACCESS_KEY',
      'VAULT',
      'PGPASS',
      'XPATH',
      'PATHS',
      'LANGX',
    );
    const names = fc.oneof(known, fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/)).filter((name) => !MAY.has(name));
    fc.assert(
      fc.property(fc.array(names), (all) => {
        const env = Object.fromEntries(all.map((name) => [name, 'planted']));
        expect(rebuildEnvironment(env, '/h')).toEqual({ HOME: '/h' });
      }),
    );
  });

  test.each(['http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'npm_config_registry'])(
    'has %s only when no credentials stand in it',
    (name) => {
      const of = (value: string) => rebuildEnvironment({ [name]: value }, '/h')[name];
      expect(of('http://proxy.example:3128/')).toBe('http://proxy.example:3128/');
      for (const value of ['http://user:planted@proxy.example', 'planted@proxy.example:3128']) {
        expect(of(value)).toBeUndefined();
      }
    },
  );
});

/** Names that a random one may happen to be. */
const MAY = new Set(['PATH', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR', 'CI', 'HOME']);
