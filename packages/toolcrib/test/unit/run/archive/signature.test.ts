import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { formatEnvelope, signEnvelope } from '../../../../src/attestations/dsse.ts';
import { keyIdOf } from '../../../../src/attestations/keys.ts';
import { digestOf } from '../../../../src/core/digest.ts';
import {
  ARCHIVE_SIGNATURE_TYPE,
  signManifest,
  verifyManifestSignature,
} from '../../../../src/run/archive/signature.ts';

const actual = { runId: 'run_1', manifest: digestOf('the manifest') };
const ed25519 = generateKeyPairSync('ed25519');
const stranger = generateKeyPairSync('ed25519');
const trusted = (pair: typeof ed25519) => [{ keyid: keyIdOf(pair.publicKey), key: pair.publicKey }];

describe('the signature of an archive', () => {
  test.each([
    ['Ed25519', ed25519],
    ['ECDSA', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ])('is verified by the key that made it: %s', (_, pair) => {
    const envelope = Buffer.from(signManifest(actual, pair.privateKey));
    expect(verifyManifestSignature(envelope, actual, trusted(pair))).toEqual({
      status: 'verified',
      keyid: keyIdOf(pair.publicKey),
    });
  });

  test('is not needed unless a key is named', () => {
    expect(verifyManifestSignature(undefined, actual, undefined)).toEqual({ status: 'absent' });
    expect(verifyManifestSignature(undefined, actual, trusted(ed25519))).toEqual({
      status: 'refused',
      reason: 'nobody signed the archive',
    });
  });

  test('is refused when another key made it, when the manifest was changed, and when it signs another thing', () => {
    const envelope = Buffer.from(signManifest(actual, ed25519.privateKey));
    const other = { ...actual, manifest: digestOf('another') };
    const foreign = formatEnvelope(signEnvelope('text/plain', Buffer.from('{}'), ed25519.privateKey));
    const empty = formatEnvelope(signEnvelope(ARCHIVE_SIGNATURE_TYPE, Buffer.from('{}'), ed25519.privateKey));
    const cases = [
      [envelope, actual, trusted(stranger), 'none of the trusted keys'],
      [envelope, other, trusted(ed25519), 'the manifest was changed'],
      [envelope, other, undefined, 'the manifest was changed'],
      [envelope, { ...actual, runId: 'run_2' }, trusted(ed25519), 'the manifest was changed'],
      [Buffer.from(foreign), actual, trusted(ed25519), 'something else than a run archive'],
      [Buffer.from(empty), actual, trusted(ed25519), 'does not name a manifest'],
      [Buffer.from('{}'), actual, undefined, 'not a DSSE envelope'],
      [Buffer.alloc(2_000_000), actual, undefined, 'more than'],
    ] as const;
    for (const [bytes, expected, keys, reason] of cases) {
      const verdict = verifyManifestSignature(bytes, expected, keys);
      expect(verdict.status === 'refused' ? verdict.reason : verdict.status).toContain(reason);
    }
  });

  test('says that it was not verified when no key is named', () => {
    const envelope = Buffer.from(signManifest(actual, stranger.privateKey));
    expect(verifyManifestSignature(envelope, actual, undefined)).toEqual({ status: 'unverified' });
  });
});
