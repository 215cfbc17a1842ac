import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signEnvelope, formatEnvelope } from '../../../../src/attestations/dsse.ts';
import { keyIdOf, parsePrivateKey, parsePublicKey, type TrustedKey } from '../../../../src/attestations/keys.ts';
import { digestOf } from '../../../../src/core/digest.ts';
import {
  ARCHIVE_KEY_KINDS,
  manifestSignatureProblem,
  signManifest,
  SIGNATURE_PAYLOAD_TYPE,
} from '../../../../src/run/archive/manifest-signature.ts';

interface Pair {
  readonly privateKey: KeyObject;
  readonly trusted: TrustedKey;
}

function pairOf({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): Pair {
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return {
    privateKey: parsePrivateKey(pem, 'key.pem', ARCHIVE_KEY_KINDS),
    trusted: parsePublicKey(publicPem, 'key.pub.pem', ARCHIVE_KEY_KINDS),
  };
}

const ed25519 = (): Pair => pairOf(generateKeyPairSync('ed25519'));
const ecdsa = (): Pair => pairOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const signed = { run_id: 'run_001', manifest: digestOf('a manifest') };

describe.each([
  ['Ed25519', ed25519],
  ['ECDSA on P-256', ecdsa],
])('a manifest signed by a key of kind %s', (_, make) => {
  const { privateKey, trusted } = make();
  const envelope = Buffer.from(signManifest(signed, privateKey));

  test('is that of whoever has the key', () => {
    expect(manifestSignatureProblem(envelope, signed, [trusted])).toBeUndefined();
    expect(envelope.toString()).toContain(keyIdOf(privateKey));
  });

  test('is nobody else\u2019s', () => {
    expect(manifestSignatureProblem(envelope, signed, [make().trusted])).toContain('none of the trusted keys');
    expect(manifestSignatureProblem(envelope, signed, [])).toContain('none of the trusted keys');
  });

  test('says nothing of another manifest or another run', () => {
    const other = { ...signed, manifest: digestOf('another') };
    expect(manifestSignatureProblem(envelope, other, [trusted])).toContain(`signed was ${signed.manifest}`);
    const stranger = { ...signed, run_id: 'run_002' };
    expect(manifestSignatureProblem(envelope, stranger, [trusted])).toContain('for the run "run_001"');
  });

  test('is refused when any of its bytes is another', () => {
    const whole = manifestSignatureProblem(envelope, signed, [trusted]);
    expect(whole).toBeUndefined();
    fc.assert(
      fc.property(fc.nat(envelope.length - 2), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(envelope);
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(manifestSignatureProblem(changed, signed, [trusted])).toBeTypeOf('string');
      }),
      { numRuns: 100 },
    );
  });
});

describe('what is no signature of a manifest', () => {
  const { privateKey, trusted } = ed25519();
  const problemOf = (type: string, payload: string): string | undefined =>
    manifestSignatureProblem(
      Buffer.from(formatEnvelope(signEnvelope(type, Buffer.from(payload), privateKey))),
      signed,
      [trusted],
    );

  test('is refused although a trusted key made it', () => {
    expect(problemOf('application/vnd.in-toto+json', '{}')).toContain('signs no run manifest');
    expect(problemOf(SIGNATURE_PAYLOAD_TYPE, '{}')).toContain('not the digest of a manifest');
    expect(problemOf(SIGNATURE_PAYLOAD_TYPE, 'no JSON')).toContain('not the digest of a manifest');
  });

  test('is refused as what it is: bytes', () => {
    expect(manifestSignatureProblem(Buffer.from('{'), signed, [trusted])).toBeTypeOf('string');
    expect(manifestSignatureProblem(Buffer.alloc(2_000_000, 0x20), signed, [trusted])).toBeTypeOf('string');
  });
});

describe('a key for archives', () => {
  test('is Ed25519 or ECDSA on P-256, and for attestations Ed25519 alone', () => {
    const pem = (curve: string): string =>
      generateKeyPairSync('ec', { namedCurve: curve }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(() => parsePrivateKey(pem('P-384'), 'k', ARCHIVE_KEY_KINDS)).toThrow('expected ed25519 or ecdsa-p256');
    expect(() => parsePrivateKey(pem('P-256'), 'k')).toThrow('a key of type ecdsa-p256, expected ed25519');
  });
});
