import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { AttestationFile, AttestationSubject, BuildSource } from '../../../src/attestations/attestation.ts';
import { formatEnvelope, IN_TOTO_PAYLOAD_TYPE, signEnvelope } from '../../../src/attestations/dsse.ts';
import { keyIdOf, type TrustedKey } from '../../../src/attestations/keys.ts';
import { formatProvenance } from '../../../src/attestations/provenance.ts';
import { NO_ATTESTATION_POLICY } from '../../../src/config/attestation-policy.ts';
import type { AttestationPolicy } from '../../../src/config/config.ts';
import { digestOf } from '../../../src/core/digest.ts';

/** An Ed25519 key pair with its trusted half. */
export interface TestKey extends TrustedKey {
  readonly privateKey: KeyObject;
}

export function createKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { privateKey, key: publicKey, keyid: keyIdOf(publicKey) };
}

export const SUBJECT: AttestationSubject = { name: 'sandbox-tools-amd64-any-v2', digest: digestOf('bytes of v2') };

export const SOURCE: BuildSource = {
  repository: 'https://github.com/acme/tools',
  workflow: '.github/workflows/promote-tool-support.yml',
  ref: 'refs/heads/main',
  commit: 'c0ffee'.padEnd(40, '0'),
  run: 'https://github.com/acme/tools/actions/runs/42/attempts/1',
};

/** A policy that says only this. */
export function policyOf(policy: Partial<AttestationPolicy>): AttestationPolicy {
  return { ...NO_ATTESTATION_POLICY, ...policy };
}

/** A DSSE attestation; what is signed and what it is called may be anything. */
export function attest(
  key: TestKey,
  {
    subject = SUBJECT,
    statement = formatProvenance(subject, SOURCE),
    payloadType = IN_TOTO_PAYLOAD_TYPE,
  }: { subject?: AttestationSubject; statement?: string; payloadType?: string } = {},
): AttestationFile {
  const envelope = signEnvelope(payloadType, Buffer.from(statement), key.privateKey);
  return { name: `${SUBJECT.name}.dsse.json`, bytes: Buffer.from(formatEnvelope(envelope)) };
}

/** A statement of {@link SUBJECT} from {@link SOURCE} after a change. */
export function changedStatement(change: (statement: Record<string, unknown>) => void): string {
  const statement = JSON.parse(formatProvenance(SUBJECT, SOURCE)) as Record<string, unknown>;
  change(statement);
  return JSON.stringify(statement);
}
