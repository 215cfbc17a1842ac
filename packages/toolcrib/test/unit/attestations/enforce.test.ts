import { describe, expect, test } from 'vitest';
import type { AttestationVerdict } from '../../../src/attestations/attestation.ts';
import { enforceAttestation, looksAtAttestations } from '../../../src/attestations/enforce.ts';
import type { AttestationPolicy } from '../../../src/config/config.ts';
import { hasCode, PolicyError } from '../../../src/core/errors.ts';
import type { Notice } from '../../../src/core/reporter.ts';
import { policyOf, SOURCE, SUBJECT } from './samples.ts';

const file = `${SUBJECT.name}.dsse.json`;
const verdicts: Readonly<Record<AttestationVerdict['status'], AttestationVerdict>> = {
  verified: { status: 'verified', file, signer: 'key abc', source: SOURCE },
  missing: { status: 'missing' },
  untrusted: { status: 'untrusted', file, reason: 'a stranger' },
  wrong: { status: 'wrong', file, reason: 'forged' },
};

/** What comes of a verdict: the code of the refusal, or the kinds of the notices. */
function outcome(policy: AttestationPolicy, status: AttestationVerdict['status']): string {
  const notices: Notice[] = [];
  const reporter = {
    notice: (notice: Notice) => void notices.push(notice),
    progress: () => ({ advance: () => undefined, end: () => undefined }),
  };
  try {
    enforceAttestation(policy, SUBJECT, verdicts[status], reporter);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    expect(hasCode(error, 'ATTESTATION_WRONG', 'ATTESTATION_UNTRUSTED', 'ATTESTATION_MISSING')).toBe(true);
    expect([error.message, error.hint]).toEqual([expect.stringContaining(SUBJECT.name), expect.any(String)]);
    return error.code;
  }
  return notices.map(({ kind }) => kind).join();
}

describe('a policy', () => {
  const trusting = policyOf({ publicKeys: ['/key.pem'] });
  const requiring = policyOf({ publicKeys: ['/key.pem'], require: true });

  test.each([
    ['verified', 'step', 'step'],
    ['missing', 'step', 'ATTESTATION_MISSING'],
    ['untrusted', 'warning', 'ATTESTATION_UNTRUSTED'],
    ['wrong', 'ATTESTATION_WRONG', 'ATTESTATION_WRONG'],
  ] as const)('makes of a verdict that is %s: %s when it only trusts, %s when it requires', (status, ...expected) => {
    expect([outcome(trusting, status), outcome(requiring, status)]).toEqual(expected);
  });

  test('that trusts nobody and requires nothing has nobody look', () => {
    expect(looksAtAttestations(policyOf({}))).toBe(false);
    expect(looksAtAttestations(policyOf({ source: { ref: 'refs/heads/main' }, trustedRoot: '/root.json' }))).toBe(
      false,
    );
    expect(outcome(policyOf({}), 'wrong')).toBe('');
  });

  test('that requires, or trusts a key or an identity, has somebody look', () => {
    expect(looksAtAttestations(policyOf({ require: true }))).toBe(true);
    expect(looksAtAttestations(policyOf({ publicKeys: ['/key.pem'] }))).toBe(true);
    expect(looksAtAttestations(policyOf({ identities: [{ issuer: 'https://x', subject: 'y' }] }))).toBe(true);
  });
});
