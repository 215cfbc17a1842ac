import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { digestOf } from '../../core/digest.ts';
import { IntegrityError, RemoteError } from '../../core/errors.ts';
import { parseDocument } from '../../core/json-document.ts';
import { descriptorSchema } from '../../core/oci-descriptor.ts';
import { OCI_MANIFEST_TYPE, type OciDocument } from '../../core/oci-release.ts';
import { onePiece } from '../../core/one-piece.ts';
import { refuseOffline } from '../../transfer/transfer.ts';
import type { PackTarget } from '../pack-target.ts';
import type { ByteSource } from '../store.ts';
import { openBlob } from './blobs.ts';
import { pullManifest, pushManifest } from './manifests.ts';
import type { OciArtifactsOptions } from './oci-artifacts.ts';
import { pushBlob } from './push-blob.ts';
import type { OciReference } from './registry-address.ts';
import { openSession } from './session.ts';

/** How a pack stands in a repository. */
export interface OciPack {
  readonly tag: string;
  /** The artifact around the pack. */
  readonly documentsFor: (pack: Pick<ByteSource, 'digest' | 'size'>) => {
    readonly manifest: OciDocument;
    readonly configuration: OciDocument;
  };
}

const manifestSchema = z.object({ layers: z.array(descriptorSchema).check(z.length(1)) });

/**
 * A pack as the one layer of an artifact, found by a tag. Registries replace tags: of two who publish at the same time the
 * last one's stays, and who reads back sees it.
 */
export function openOciPackTarget(reference: OciReference, place: OciPack, options: OciArtifactsOptions): PackTarget {
  const { credentials = {}, ...transfer } = options;
  const session = openSession(reference, { ...transfer, rewrite: [] }, credentials);
  const { tag } = place;
  const [name = '', query] = reference.url.split('?', 2);
  const located = (what: string): string => `${name}${what}${query === undefined ? '' : `?${query}`}`;
  const begin = (signal: AbortSignal | undefined): void => {
    refuseOffline(transfer, session.address.base);
    signal?.throwIfAborted();
  };
  return {
    where: located(`:${tag}`),
    guarantee: 'detected',
    async create(pack, { signal } = {}) {
      begin(signal);
      const there = await pullManifest(session, tag, signal).catch((error: unknown) => {
        throw toPublisher(error, name);
      });
      if (there !== undefined) return 'exists';
      const { manifest, configuration } = place.documentsFor(pack);
      await pushBlob(session, sourceOf(configuration), { signal });
      await pushBlob(session, pack, { signal });
      await pushManifest(session, tag, { bytes: manifest.bytes, mediaType: OCI_MANIFEST_TYPE }, signal);
      return 'created';
    },
    async open({ signal } = {}) {
      begin(signal);
      const pulled = await pullManifest(session, tag, signal);
      if (pulled === undefined) return undefined;
      const refuse = (what: string): Error => malformed(pulled.url, what);
      const [layer] = parseDocument(manifestSchema, pulled.bytes, refuse).layers;
      const file = layer && (await openBlob(session, layer.digest, signal));
      return file && { file, source: located(`@${pulled.digest}`) };
    },
    close: () => session.close(),
  };
}

/** A look before publishing is refused as reading is, and who logs in to read only is refused again. */
function toPublisher(error: unknown, repository: string): unknown {
  if (!(error instanceof RemoteError) || ![401, 403].includes(Number(error.details['status']))) return error;
  const { code, message, details } = error;
  const hint = `publishing needs the right to pull and to push: "docker login" as somebody who may push ${repository}`;
  return new RemoteError(code, message, { hint, details, cause: error });
}

function sourceOf({ bytes }: OciDocument): ByteSource {
  return { digest: digestOf(bytes), size: bytes.byteLength, open: () => onePiece(bytes) };
}

function malformed(url: string, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${url} is no artifact of one layer: ${what}`, {
    hint: 'something else than a pack stands under that version: publish to another repository, or another version',
  });
}
