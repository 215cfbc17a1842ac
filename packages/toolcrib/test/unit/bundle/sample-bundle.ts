import type { BundleContent, BundledArtifact } from '../../../src/bundle/bundle-content.ts';
import { writeBundle } from '../../../src/bundle/write-bundle.ts';
import { formatArtifactName } from '../../../src/core/artifact-name.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { onePiece } from '../../../src/core/one-piece.ts';
import { releaseManifestName, storedSumsName } from '../../../src/core/release-names.ts';
import { formatReleaseManifest, RELEASE_SCHEMA } from '../../../src/core/release.ts';
import { formatSums } from '../../../src/core/sums.ts';
import { formatTarget, parseTarget } from '../../../src/core/target.ts';
import { allBytes, bytesOf } from '../disk/scratch.ts';

/** What of a sample is to be otherwise. */
export interface SampleOptions {
  readonly tool?: string;
  readonly version?: number;
  readonly targets?: readonly string[];
  /** Of each artifact. */
  readonly bytes?: number;
}

export interface SampleArtifact extends BundledArtifact {
  readonly target: string;
  readonly bytes: Buffer;
}

/** Artifacts of one version, each with bytes of its own; the same each time. */
export function sampleArtifacts({
  tool = 'tool',
  version = 1,
  targets = ['amd64-any', 'arm64-any'],
  bytes: size = 3000,
}: SampleOptions = {}): readonly SampleArtifact[] {
  return targets.map((target, index) => {
    const name = formatArtifactName({ tool, version, target: parseTarget(target), dev: false });
    const bytes = bytesOf(size + index, 100 * version + index);
    return { name, target, bytes, size: bytes.byteLength, digest: digestOf(bytes), open: () => onePiece(bytes) };
  });
}

/** The stored sums and the manifest of artifacts. */
export function sampleAccounts(
  artifacts: readonly SampleArtifact[],
  { tool = 'tool', version = 1 }: SampleOptions = {},
): { readonly sums: string; readonly manifest: string } {
  const files = artifacts.map(({ name, target, digest, size }) => ({
    name,
    target: formatTarget(parseTarget(target)),
    digest,
    size,
    mediaType: 'application/octet-stream',
    glibcFloor: null,
    attestation: null,
  }));
  return {
    sums: formatSums(new Map(artifacts.map(({ name, digest }) => [name, digest]))),
    manifest: formatReleaseManifest({
      schema: RELEASE_SCHEMA,
      tool,
      version,
      source: { commit: 'a'.repeat(40), date: '2026-01-02T03:04:05Z' },
      files,
    }),
  };
}

/** A whole release with attestations that nobody signed, a revocation list and a trusted root. */
export function sampleContent(options: SampleOptions = {}): Omit<BundleContent, 'artifacts'> & {
  readonly artifacts: readonly SampleArtifact[];
} {
  const { tool = 'tool', version = 1 } = options;
  const artifacts = sampleArtifacts(options);
  const { sums, manifest } = sampleAccounts(artifacts, options);
  const files = [
    { name: storedSumsName(tool, version), bytes: Buffer.from(sums) },
    { name: releaseManifestName(tool, version), bytes: Buffer.from(manifest) },
    ...artifacts.map(({ name }) => ({ name: `${name}.dsse.json`, bytes: Buffer.from(`{"of":"${name}"}`) })),
    { name: `${tool}.revoked.json`, bytes: Buffer.from('{}') },
    { name: 'trusted-root.json', bytes: Buffer.from('{"root":true}') },
  ];
  return { tool, version, artifacts, files };
}

export async function bundleBytes(content: BundleContent): Promise<Buffer> {
  return allBytes(writeBundle(content));
}
