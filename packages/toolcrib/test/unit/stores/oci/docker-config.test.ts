import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { credentialSourceOf } from '../../../../src/stores/oci/docker-config.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const stored = (user: string, password: string): object => ({
  kind: 'stored',
  credentials: { kind: 'password', user, password },
});

describe('the credentials that Docker keeps for a registry', () => {
  test('are found by its host, also as older clients wrote it', () => {
    for (const key of ['ghcr.io', 'https://ghcr.io', 'https://ghcr.io/v1/']) {
      const config = { auths: { 'other.io': { auth: base64('x:y') }, [key]: { auth: base64('user:pass:word') } } };
      expect(credentialSourceOf(config, 'ghcr.io')).toEqual(stored('user', 'pass:word'));
    }
  });

  test('are those of exactly that host and port', () => {
    const auths = { 'ghcr.io': { auth: base64('user:secret') }, 'ghcr.io/owner': { auth: base64('user:other') } };
    for (const host of ['ghcr.io:443', 'x.ghcr.io', 'ghcr.io.example.com', 'ghcr.i', ''])
      expect(credentialSourceOf({ auths }, host)).toBeUndefined();
  });

  test('are written under the name of its first API for Docker Hub', () => {
    const auths = { 'https://index.docker.io/v1/': { auth: base64('user:secret') } };
    expect(credentialSourceOf({ auths }, 'registry-1.docker.io')).toEqual(stored('user', 'secret'));
    const helper = { kind: 'helper', helper: 'pass', key: 'https://index.docker.io/v1/' };
    expect(credentialSourceOf({ credsStore: 'pass' }, 'registry-1.docker.io')).toEqual(helper);
  });

  test('come from the helper of that registry before the one for all, and from any before the file', () => {
    const auths = { 'ghcr.io': { auth: base64('user:secret') } };
    const config = { auths, credsStore: 'all', credHelpers: { 'ghcr.io': 'own' } };
    expect(credentialSourceOf(config, 'ghcr.io')).toEqual({ kind: 'helper', helper: 'own', key: 'ghcr.io' });
    expect(credentialSourceOf(config, 'quay.io')).toEqual({ kind: 'helper', helper: 'all', key: 'quay.io' });
    expect(credentialSourceOf({ auths, credsStore: '' }, 'ghcr.io')).toEqual(stored('user', 'secret'));
  });

  test('may be an identity token, which comes before a password', () => {
    const auths = { 'ghcr.io': { auth: base64('user:secret'), identitytoken: 'refresh' } };
    expect(credentialSourceOf({ auths }, 'ghcr.io')).toEqual({
      kind: 'stored',
      credentials: { kind: 'identity', token: 'refresh' },
    });
  });

  test('are what was encoded, whatever it holds; nothing comes from an entry without a user', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'Z', 'ä', '漢', ':', '"', '\\', ' ', '\n', '=') });
    const user = text.filter((each) => each !== '' && !each.includes(':'));
    fc.assert(
      fc.property(user, text, (name, password) => {
        const config = { auths: { 'ghcr.io': { auth: base64(`${name}:${password}`) } } };
        const { credentials } = credentialSourceOf(config, 'ghcr.io') as {
          credentials: { user: string; password: string };
        };
        expect(base64(credentials.user + credentials.password)).toBe(base64(name + password));
      }),
    );
    for (const auth of ['', base64(':secret'), base64('user'), '!!!'])
      expect(credentialSourceOf({ auths: { 'ghcr.io': { auth } } }, 'ghcr.io')).toBeUndefined();
  });
});
