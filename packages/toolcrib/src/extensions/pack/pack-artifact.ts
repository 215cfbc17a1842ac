import { digestOf } from '../../core/digest.ts';
import { TITLE, type OciDescriptor } from '../../core/oci-descriptor.ts';
import { OCI_EMPTY_TYPE, OCI_MANIFEST_TYPE, type OciDocument } from '../../core/oci-release.ts';
import type { StoredPackId } from '../../core/stored-pack.ts';
import { PACK_MEDIA_TYPE } from '../pack-manifest.ts';

const VERSION = 'org.opencontainers.image.version';
/** What an artifact without a configuration refers to (OCI image specification, "Guidance for an Empty Descriptor"). */
const EMPTY = documentOf(OCI_EMPTY_TYPE, '{}');

/**
 * A pack as the one layer of an OCI artifact. Same pack, same bytes.
 * @param layer of the pack.
 */
export function packArtifact(
  { name, version }: StoredPackId,
  layer: Pick<OciDescriptor, 'digest' | 'size'>,
): { readonly manifest: OciDocument; readonly configuration: OciDocument } {
  const title = `${name.slice(name.lastIndexOf('/') + 1)}-${version}.gtxpack`;
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST_TYPE,
    artifactType: PACK_MEDIA_TYPE,
    config: EMPTY.descriptor,
    layers: [{ mediaType: PACK_MEDIA_TYPE, digest: layer.digest, size: layer.size, annotations: { [TITLE]: title } }],
    annotations: { [TITLE]: name, [VERSION]: version },
  };
  return { manifest: documentOf(OCI_MANIFEST_TYPE, JSON.stringify(manifest)), configuration: EMPTY };
}

/** The tag of a version: what no tag may have becomes an underscore, as others do it who have versions with a `+`. */
export function packTag({ version }: StoredPackId): string {
  return version.replaceAll('+', '_');
}

function documentOf(mediaType: string, text: string): OciDocument {
  const bytes = Buffer.from(text);
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength } };
}
