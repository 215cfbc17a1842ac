import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What the layer of a pack is called in a registry. */
export const PACK_TYPE = 'application/vnd.greentic.gtxpack.v1+zip';

/** An artifact as somebody else makes one. */
export interface ForeignArtifact {
  readonly layers: readonly { readonly bytes: Uint8Array; readonly mediaType?: string; readonly size?: number }[];
  /** Of the configuration: packs have none, images do. */
  readonly configType?: string;
}

const digestOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Pushes an artifact with skopeo, from an OCI layout that is written here by the image specification.
 * @param to e.g. `127.0.0.1:5000/team/http:1.0`.
 * @returns the digest of its manifest.
 */
export async function pushWithSkopeo(artifact: ForeignArtifact, to: string): Promise<`sha256:${string}`> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-layout-'));
  try {
    const digest = await writeLayout(folder, artifact);
    const options = ['--preserve-digests', '--dest-tls-verify=false', '--insecure-policy'];
    await promisify(execFile)('skopeo', ['copy', ...options, `oci:${folder}:it`, `docker://${to}`]);
    return digest;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeLayout(
  folder: string,
  { layers, configType = 'application/vnd.oci.empty.v1+json' }: ForeignArtifact,
): Promise<`sha256:${string}`> {
  const blobs = join(folder, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const write = async (mediaType: string, bytes: Uint8Array, size = bytes.byteLength) => {
    const hex = digestOf(bytes);
    await writeFile(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}` as const, size };
  };
  const config = await write(configType, Buffer.from('{}'));
  const written = [];
  for (const { bytes, mediaType = PACK_TYPE, size } of layers) written.push(await write(mediaType, bytes, size));
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, config, layers: written }));
  const { digest, size } = await write(type, manifest);
  const annotations = { 'org.opencontainers.image.ref.name': 'it' };
  const manifests = [{ mediaType: type, digest, size, annotations }];
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return digest;
}
