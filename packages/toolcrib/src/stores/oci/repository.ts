import type { Digest } from '../../core/digest.ts';
import type { OciFile } from '../../core/oci-release.ts';
import type { Sums } from '../../core/sums.ts';
import type { PushOptions } from './push-blob.ts';
import type { RegistrySession } from './session.ts';

/** What the operations of one store share. */
export interface Repository {
  readonly session: RegistrySession;
  /** As the user wrote it, for messages. */
  readonly reference: string;
  readonly push: Omit<PushOptions, 'signal'>;
  /** Manifests and configurations that this store pushed: they need not go again. */
  readonly pushed: Set<Digest>;
  /** Stored sums that were read, by their digest: undefined for what cannot be read as such. */
  readonly sums: Map<Digest, Sums | undefined>;
  /** Release manifests that this store created under its claim; nobody else sees them before the index does. */
  readonly own: Map<string, OciFile>;
}
