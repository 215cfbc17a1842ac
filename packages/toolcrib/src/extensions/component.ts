import type { Digest } from '../core/digest.ts';
import type { AcquiredPack } from './acquired-pack.ts';
import type { DeclaredExtension } from './declared-extensions.ts';
import { openPack } from './pack/read-pack.ts';

/** The component of an extension, verified. */
export interface ResolvedComponent {
  readonly extensionId: string;
  /** As `pack.extensions.json` has it. */
  readonly sourceRef: string;
  readonly bytes: Uint8Array;
  /** Of the bytes, measured; equal to what the pack says. */
  readonly digest: Digest;
  /** The name of its entry in the pack. */
  readonly asset: string;
  /** The pack that it is in. */
  readonly pack: {
    readonly digest: Digest;
    /** In bytes. */
    readonly size: number;
    readonly tier: AcquiredPack['tier'];
    /** Path, URL without secrets, or digest in the cache. */
    readonly where: string;
  };
}

/** Takes the component out of its pack. @throws as `openPack` and `Pack.readComponent`. */
export async function readComponentOf(
  { dependency }: Pick<DeclaredExtension, 'dependency'>,
  acquired: AcquiredPack,
  signal: AbortSignal | undefined,
): Promise<ResolvedComponent> {
  const { id: extensionId, reference: sourceRef } = dependency;
  const pack = await openPack(acquired.bytes, { extensionId, signal });
  const { bytes, digest, asset } = await pack.readComponent();
  const { tier, where } = acquired;
  const size = acquired.bytes.byteLength;
  return { extensionId, sourceRef, bytes, digest, asset, pack: { digest: acquired.digest, size, tier, where } };
}
