import { generateKeyPairSync, createHash, randomBytes, type KeyObject } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import type { AttestationFile, AttestationSubject } from '../../../src/attestations/attestation.ts';
import { UNKNOWN_SOURCE } from '../../../src/attestations/build-source.ts';
import { openKeySigner } from '../../../src/attestations/key-signer.ts';
import { signRevocationList, type RevocationList } from '../../../src/attestations/revocations.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

export const NAME = 'demo-amd64-any-v1';
export const BYTES = randomBytes(5000);
/** What an attestation has to be about. */
export const SUBJECT: AttestationSubject = { name: NAME, digest: digestOf(BYTES) };

/** Somebody who signs. */
export interface TestSigner {
  readonly privateKey: KeyObject;
  /** PEM. */
  readonly publicKey: string;
}

export function newSigner(): TestSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

/** A project that pins {@link BYTES}, which its directory store has, and trusts one key. */
export async function attestedProject(trusted: TestSigner, require: boolean): Promise<ScratchProject> {
  const project = await scratchProject({
    'toolcrib.json': {
      tool: 'demo',
      targets: ['amd64-any'],
      stores: ['file:./store'],
      attestation: { require, publicKeys: ['release.pub'] },
    },
    'tool-version.txt': '1\n',
    'release.pub': trusted.publicKey,
    SHA256SUMS: `${createHash('sha256').update(BYTES).digest('hex')}  ${NAME}\n`,
  });
  await project.write(`store/${NAME}`, BYTES);
  return project;
}

/** The attestation of an artifact, as a signer's own tool writes it. */
export async function attest(
  project: ScratchProject,
  signer: TestSigner,
  subject: AttestationSubject = SUBJECT,
): Promise<AttestationFile> {
  const path = join(project.folder, `${randomBytes(4).toString('hex')}.pem`);
  await project.write(
    path.slice(project.folder.length + 1),
    signer.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  );
  await chmod(path, 0o600);
  const keySigner = await openKeySigner(path);
  return await keySigner.sign(subject, UNKNOWN_SOURCE);
}

/** The bytes of a signed list that revokes versions of a tool. */
export function revocationsFor(tool: string, signer: TestSigner, versions: RevocationList['versions']): Uint8Array {
  const list = { tool, issued: '2026-01-01T00:00:00Z', versions, digests: [] };
  return signRevocationList(list, signer.privateKey);
}
