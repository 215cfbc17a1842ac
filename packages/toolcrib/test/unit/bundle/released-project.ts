import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { signRevocationList } from '../../../src/attestations/revocations.ts';
import { readPrivateKey } from '../../../src/attestations/key-signer.ts';
import { formatSums, type Sums } from '../../../src/core/sums.ts';
import { scratchProject, type ScratchProject } from '../cli/scratch-project.ts';
import { publishSample, sampleSigner, type SampleSigner } from '../mirror/sample-mirror.ts';
import { directoryStore } from '../publish/sample-release.ts';

/** A project of the tool `tool` whose version 1 is in its store, signed, and which trusts who signed it. */
export interface ReleasedProject extends ScratchProject {
  readonly signer: SampleSigner;
  readonly sums: Sums;
  /** Writes `toolcrib.json` with another policy. */
  configure(attestation: object): Promise<void>;
  /** Another checkout of it, without store and cache. */
  clone(): Promise<ScratchProject>;
  /** The bytes of a list that revokes versions, signed by who signed the release. */
  revoke(...versions: readonly number[]): Promise<Uint8Array>;
}

const BASE = { tool: 'tool', targets: ['amd64-any', 'arm64-any'], stores: ['file:./store'] };

/** @param bytes of each artifact. */
export async function releasedProject({ bytes = 3000, signed = true } = {}): Promise<ReleasedProject> {
  const project = await scratchProject({ 'tool-version.txt': '1\n' });
  const { folder } = project;
  await project.write('keys/README', 'keys of this test');
  const signer = await sampleSigner(join(folder, 'keys'));
  const store = directoryStore(folder);
  const sums = await publishSample(store, folder, { bytes, ...(signed && { signer: signer.signer }) });
  await project.write('release.pub', signer.pem);
  await project.write('SHA256SUMS', formatSums(sums));
  const configure = (attestation: object) =>
    project.write(
      'toolcrib.json',
      JSON.stringify({ ...BASE, attestation: { publicKeys: ['release.pub'], ...attestation } }),
    );
  await configure({ require: signed });
  return {
    ...project,
    signer,
    sums,
    configure,
    async clone() {
      const other = await scratchProject();
      await cp(folder, other.folder, { recursive: true });
      await rm(join(other.folder, 'store'), { recursive: true });
      await rm(join(other.folder, 'cache'), { recursive: true, force: true });
      return other;
    },
    async revoke(...versions) {
      const key = await readPrivateKey(join(folder, 'keys', 'key.pem'));
      const list = versions.map((version) => ({ version, reason: 'it leaks' }));
      return signRevocationList({ tool: 'tool', issued: '2026-01-01T00:00:00Z', versions: list, digests: [] }, key);
    },
  };
}
