import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createEphemeralKey,
  formatRedactionKeyFile,
  keyedDigest,
  parseRedactionKeyFile,
  redactionKeyId,
} from '../../../../src/run/redaction/key.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import {
  mayHoldSecret,
  SECRET_SHAPES,
  secretRuleIn,
  secretSpans,
} from '../../../../src/run/redaction/secret-shapes.ts';
import { sweepJson } from '../../../../src/run/redaction/secret-sweep.ts';
import { failureOf } from '../../core/failure.ts';
import { fixedKey, fixedRandom } from '../fixed.ts';
import { SECRETS } from '../secrets.ts';

describe('redaction', () => {
  test.each(SECRETS)('replaces %s and counts it', (rule, secret) => {
    const redactor = createRedactor(fixedKey);
    const redacted = redactor.text('command', `before ${secret} after`);
    expect(redacted).toMatch(new RegExp(`^before <redacted:${rule}:[0-9a-f]{8}> after$`));
    expect(redactor.summary()).toMatchObject({ redacted_count: 1, by_rule: { [rule]: 1 }, by_field: { command: 1 } });
  });

  test('of anything mixed with secrets leaves no shape, changes nothing the second time, and tells no secret', () => {
    const piece = fc.oneof(fc.constantFrom(...SECRETS.map(([, secret]) => secret)), fc.string({ maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const redactor = createRedactor(fixedKey);
        const once = redactor.text('f', pieces.join(''));
        expect(secretRuleIn(once)).toBeUndefined();
        expect(redactor.text('f', once)).toBe(once);
      }),
      { numRuns: 500 },
    );
  });

  test('gives one secret one placeholder under one key, and another under another key', () => {
    const other = { ...fixedKey, bytes: fixedRandom(31) };
    const [, secret = ''] = SECRETS[0] ?? [];
    expect(createRedactor(fixedKey).text('f', secret)).toBe(createRedactor(fixedKey).text('g', secret));
    expect(createRedactor(other).text('f', secret)).not.toBe(createRedactor(fixedKey).text('f', secret));
  });

  test('hides user and password of a URL wherever it stands, and what has no password not', () => {
    const redacted = (text: string): string =>
      createRedactor(fixedKey)
        .text('f', text)
        .replace(/:[0-9a-f]{8}>/, '>');
    expect(redacted('/cache/https://me:pw@host/x')).toBe('/cache/https://<redacted:url-userinfo>@host/x');
    for (const pair of ['u:p@ss2word', 'u@realm:pw', 'u:@', ':@@:@']) {
      expect(redacted(`http://${pair}@host/x@y`)).toBe('http://<redacted:url-userinfo>@host/x@y');
      expect(redacted(`http://${pair}@host,http://h?q=a@b`)).toBe('http://<redacted:url-userinfo>@host,http://h?q=a@b');
    }
    for (const text of ['https://me@host/x', '10.0.0.1:53', '[::1]:80', 'http://host:80/a@b', 'a:b@c']) {
      expect(redacted(text)).toBe(text);
    }
  });

  test('hides user and password of a URL also where a shape with blanks stands among them', () => {
    const [, pem = ''] = SECRETS.find(([rule]) => rule === 'private-key-pem') ?? [];
    for (const url of [`https://${pem}:@host`, `https://:${pem}@host`]) {
      expect(createRedactor(fixedKey).text('f', url)).toMatch(/^https:\/\/<redacted:url-userinfo:[0-9a-f]{8}>@host$/);
    }
  });

  test('of any URL and command line changes nothing the second time', () => {
    const piece = fc.constantFrom(
      ...SECRETS.map(([, secret]) => secret),
      ...['https://', 'me', ':', '@', 'host', '/', '--token', '-p', '--key=', '=', '<redacted:jwt:01234567>', 'pw'],
    );
    const argument = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 5 }), (argv) => {
        const redactor = createRedactor(fixedKey);
        const once = redactor.commandLine('command', argv);
        const { redacted_count } = redactor.summary();
        expect(redactor.commandLine('command', once)).toEqual(once);
        expect(redactor.summary().redacted_count).toBe(redacted_count);
        expect(once.map(secretRuleIn)).toEqual(once.map(() => undefined));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    'access_token',
    'refreshToken',
    'SIG',
    'Signature',
    'api-key',
    'SECRET',
    'passwd',
    'Password',
    'client_secret',
  ])('looks closer at an assignment of %s', (name) => {
    expect(mayHoldSecret(`/x?${name}=abcdef`)).toBe(true);
  });

  test('looks closer at every text that has a shape', () => {
    const piece = fc.oneof(
      fc.constantFrom(...SECRETS.map(([, secret]) => secret.toLowerCase()), ...SECRETS.map(([, secret]) => secret)),
      fc.constantFrom(
        'TOKEN',
        'Secret',
        'api_key',
        'SIG',
        'refresh-token',
        'bearer',
        ' ',
        '\u2003',
        '=',
        ':',
        'abcdefgh',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
        const text = pieces.join('');
        expect(mayHoldSecret(text)).toBe(SECRET_SHAPES.some(({ pattern }) => text.search(pattern) >= 0));
      }),
      { numRuns: 3000 },
    );
  });

  test('takes overlapping shapes as one place', () => {
    const text = `access-token=${'a'.repeat(6)}#tail`;
    expect(createRedactor(fixedKey).text('f', text)).toMatch(/^<redacted:sensitive-query-param:[0-9a-f]{8}>$/);
  });

  test('of a command line hides what follows a credential flag, whatever it looks like', () => {
    const argv = ['curl', '--token', 'x', '--PASSWORD=hunter2', '-p', '1', 'https://me:pw@host/', '--verbose', 'plain'];
    const redacted = createRedactor(fixedKey).commandLine('command', argv);
    expect(redacted.map((text) => text.replace(/:[0-9a-f]{8}>/, '>'))).toEqual([
      'curl',
      '--token',
      '<redacted:credential-flag-value>',
      '--PASSWORD=<redacted:credential-flag-value>',
      '-p',
      '<redacted:credential-flag-value>',
      'https://<redacted:url-userinfo>@host/',
      '--verbose',
      'plain',
    ]);
  });

  test('does not take the program for a flag', () => {
    expect(createRedactor(fixedKey).commandLine('c', ['-p', 'x'])).toEqual(['-p', 'x']);
  });

  test('hides what follows a credential flag, also where that flag follows another one', () => {
    const redactor = createRedactor(fixedKey);
    const argv = ['x', '-p', '--token', 'hunter2', 'plain'];
    const redacted = redactor.commandLine('c', argv);
    expect(redacted.map((text) => text.startsWith('<redacted:credential-flag-value:'))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
    expect(redactor.commandLine('c', redacted)).toEqual(redacted);
  });

  test('of shapes alone leaves flags; switched off, it leaves everything and says so', () => {
    expect(createRedactor(fixedKey, 'shape_only').commandLine('c', ['x', '--token', 'y'])).toEqual([
      'x',
      '--token',
      'y',
    ]);
    const off = createRedactor(fixedKey, 'disabled_unsafe');
    expect(off.text('f', SECRETS[0]?.[1] ?? '')).toBe(SECRETS[0]?.[1]);
    expect(off.summary().mode).toBe('disabled_unsafe');
  });

  test('finds web tokens exactly where the pattern of the table does', () => {
    const jwt = SECRET_SHAPES.find(({ rule }) => rule === 'jwt')?.pattern ?? /$^/g;
    const piece = fc.constantFrom('eyJ', 'eyJaaaaaaaaaa', '.', '-', ' ', 'bbbbbbbbbb', '----------', '_');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const expected = [...text.matchAll(jwt)].map((match) => match.index);
        const found = secretSpans(text);
        expect(found[0]?.start).toBe(expected[0]);
        for (const start of expected) expect(found.some((span) => span.start <= start && start < span.end)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(['a:', '-eyJ', 'sk-', 'token ', 'bearer ', '-----BEGIN ', '.eyJ-', 'x://a:', 'x://a:@', 'x://@:'])(
    'of a long hostile text of %j takes time in proportion to its length',
    (unit) => {
      const [short, long] = [1000, 8000].map((times) => leastTime(['x', unit.repeat(times)]));
      // Eight times the length: eight times the time, and 64 times where a search starts anew at each character.
      expect((long ?? 0) + 1).toBeLessThan(((short ?? 0) + 1) * 24);
    },
  );

  /** Milliseconds of this process, of which others on the machine take none; the lesser of two is the work itself. */
  function leastTime(argv: readonly string[]): number {
    return Math.min(
      ...Array.from({ length: 2 }, () => {
        const before = process.cpuUsage();
        createRedactor(fixedKey).commandLine('c', argv);
        const { user, system } = process.cpuUsage(before);
        return (user + system) / 1000;
      }),
    );
  }
});

describe('the sweep', () => {
  test('finds a shape that an escape hides', () => {
    const json = JSON.stringify({ value: SECRETS[0]?.[1] }).replace('AKIA', String.raw`\u0041KIA`);
    expect(sweepJson(json, JSON.parse(json))).toBe('aws-access-key-id');
  });

  test('does not find one that only an escape makes', () => {
    const value = { value: 'token:\nabc' };
    expect(sweepJson(JSON.stringify(value), value)).toBeUndefined();
  });

  test('finds every shape in keys and in values, however deep', () => {
    for (const [rule, secret] of SECRETS) {
      expect(sweepJson(JSON.stringify([{ a: [secret] }]), [{ a: [secret] }])).toBe(rule);
      expect(sweepJson(JSON.stringify({ [secret]: 1 }), { [secret]: 1 })).toBe(rule);
    }
  });
});

describe('a redaction key', () => {
  test('keys a digest as RFC 4231 says', () => {
    const key = { bytes: Buffer.from('Jefe'), scope: 'ephemeral' } as const;
    expect(keyedDigest(key, 'what do ya want for nothing?')).toBe('5bdcc146');
  });

  test('is named without being told', () => {
    expect(redactionKeyId(fixedKey)).toMatch(/^hmac-sha256:[0-9a-f]{8}$/);
    expect(createEphemeralKey(fixedRandom)).toEqual(fixedKey);
  });

  test('comes back from its file', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 64 }), (bytes) => {
        const key = parseRedactionKeyFile(formatRedactionKeyFile(bytes), 'key');
        expect([Buffer.from(key.bytes), key.scope]).toEqual([Buffer.from(bytes), 'host_local']);
      }),
    );
  });

  test.each([
    '',
    'assay-redaction-key-v1:',
    'assay-redaction-key-v1:AAAA',
    'assay-redaction-key-v2:AAAAAAAAAAAAAAAAAAAAAA',
  ])('is not read from %j, and the error does not quote it', (text) => {
    const error = failureOf(() => parseRedactionKeyFile(text, '/k'));
    expect([error.code, error.message]).toEqual(['USAGE', '/k is not a redaction key']);
  });
});
