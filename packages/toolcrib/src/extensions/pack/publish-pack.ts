import { createDigester, type Digest } from '../../core/digest.ts';
import { ConflictError, IntegrityError, RemoteError } from '../../core/errors.ts';
import type { StoredPackId } from '../../core/stored-pack.ts';
import type { PackTarget } from '../../stores/pack-target.ts';
import type { ByteSource, OpenedFile } from '../../stores/store.ts';

/** What became of a pack in one store. */
export interface PublishedPack {
  /** `exists`: the same bytes stood there already. */
  readonly outcome: 'created' | 'exists';
  readonly where: string;
  /** What a `pack.extensions.json` has to say to depend on it. */
  readonly source: string;
}

/**
 * Publishes a pack and reads it back. What is published never changes: the same bytes again are fine, others are not.
 * @throws ConflictError `VERSION_TAKEN`, also for another pack that came at the same time; IntegrityError `DIGEST_MISMATCH`
 * when the store gives out other bytes than it got; RemoteError; as `PackTarget.create`; the signal's reason.
 */
export async function publishPack(
  target: PackTarget,
  pack: ByteSource,
  options: { readonly id: StoredPackId; readonly signal?: AbortSignal | undefined },
): Promise<PublishedPack> {
  const { id, signal } = options;
  const call = signal === undefined ? {} : { signal };
  const outcome = await target.create(pack, call);
  const found = await target.open(call);
  if (found === undefined) throw notShown(target);
  const actual = await measure(found.file, pack.size, signal);
  if (actual === pack.digest) return { outcome, where: target.where, source: found.source };
  const facts = { expected: pack.digest, actual };
  const isTaken = outcome === 'exists' || target.guarantee === 'detected';
  throw isTaken ? taken(target, id, facts) : otherBytes(target, facts);
}

/** Undefined for more bytes than there should be: nobody needs to know what they are. */
async function measure(file: OpenedFile, size: number, signal: AbortSignal | undefined): Promise<Digest | undefined> {
  const digester = createDigester();
  for await (const piece of file.bytes) {
    signal?.throwIfAborted();
    digester.update(piece);
    if (digester.size > size) return undefined;
  }
  return digester.finish();
}

interface Facts {
  readonly expected: Digest;
  readonly actual: Digest | undefined;
}

function taken({ where }: PackTarget, { name, version }: StoredPackId, { expected, actual }: Facts): ConflictError {
  return new ConflictError('VERSION_TAKEN', `another pack is published as ${name}@${version}: ${where}`, {
    hint: 'published packs never change: publish under another version',
    details: { name, version, where, expected, actual: actual ?? null },
  });
}

function otherBytes({ where }: PackTarget, { expected, actual }: Facts): IntegrityError {
  return new IntegrityError('DIGEST_MISMATCH', `${where} gives out other bytes than it was sent, ${expected}`, {
    hint: 'what stands there is damaged, or the store does not keep what it has: look at both',
    details: { where, expected, actual: actual ?? null },
  });
}

function notShown({ where }: PackTarget): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `${where} took the pack, and says that there is none`, {
    hint: 'readers need the right to read there; a cache before the store may still say what was',
    details: { where },
  });
}
