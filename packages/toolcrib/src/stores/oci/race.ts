import type { Digest } from '../../core/digest.ts';

/** What the tag of a version says: an index is there. */
export interface IndexNote {
  /** Of the index itself. */
  readonly index: Digest;
  /** Of the stored sums in it: whose release it is. Undefined when it has none. */
  readonly sums: Digest | undefined;
}

/** What the tag of a claim says. */
export interface ClaimNote {
  /** Of the stored sums: who claims. */
  readonly sums: Digest;
  /** The index that its publisher is about to show, or has shown. */
  readonly index?: Digest | undefined;
  /** True when its publisher found its own index after having shown it: it has won. */
  readonly sealed: boolean;
}

/**
 * The two tags of a version, which anybody may write at any time, and which are read and written whole. A registry
 * offers no more: there is no writing on condition (OCI distribution specification 1.1, "Pushing Manifests").
 */
export interface ReleaseTags {
  readIndex(): Promise<IndexNote | undefined>;
  readClaim(): Promise<ClaimNote | undefined>;
  writeClaim(claim: ClaimNote): Promise<void>;
  /** @param index of a manifest that the registry has already. */
  writeIndex(index: Digest): Promise<void>;
}

/** What a publisher wants to be the release. */
export interface OwnRelease {
  /** Of its stored sums: what tells it from others. */
  readonly sums: Digest;
  /** Brings its index into the registry, under no tag; called when no index is shown yet. */
  pushIndex(): Promise<Digest>;
}

/**
 * Claims a version, unless somebody did: the cheap way to lose, before anything is uploaded. It decides nothing, since
 * two may claim at once; {@link completeRelease} does.
 * @returns `exists` when there is a claim or a release, whosever: who reads the stored sums learns whose.
 */
export async function claimVersion(tags: ReleaseTags, sums: Digest): Promise<'created' | 'exists'> {
  if ((await tags.readIndex()) !== undefined) return 'exists';
  if ((await tags.readClaim()) !== undefined) return 'exists';
  await tags.writeClaim({ sums, sealed: false });
  const shown = await tags.readIndex();
  if (shown !== undefined && shown.sums !== sums) return 'exists';
  return (await tags.readClaim())?.sums === sums ? 'created' : 'exists';
}

/**
 * Shows the index of a release, after Dekker: each writes down what it is about to do before it looks whether another
 * has done it, and looks again afterwards. So two never both believe that they won: whoever wrote its claim last sees the
 * index of the other, or the other sees that claim. A winner seals its claim; who wrote its index over that of a winner,
 * because it had looked before, finds the seal and puts the winner's index back. In a close race both may lose: then the
 * index that stands is one publisher's and whole, or there is none, and the next version is free.
 *
 * test/integration/stores/oci-race-model.ts tries every order of the requests of two, also when one is killed and repeats. Of
 * three, too, at most one believes that it won; but if two of them stall at the wrong moments and the third overwrites a
 * seal, the index that stands may be that of a loser.
 */
export async function completeRelease(tags: ReleaseTags, own: OwnRelease): Promise<'complete' | 'lost'> {
  const { sums } = own;
  const isMine = (note: IndexNote | ClaimNote): boolean => note.sums === sums;
  const before = await tags.readIndex();
  if (before !== undefined && !isMine(before)) return 'lost';
  const claim = await tags.readClaim();
  if (isIntent(claim) && !isMine(claim)) return await yieldTo(tags, claim);
  if (before !== undefined && claim?.sealed === true) return 'complete';
  const shown = before?.index ?? (await own.pushIndex());
  await tags.writeClaim({ sums, index: shown, sealed: false });
  if ((await tags.readIndex()) === undefined) await tags.writeIndex(shown);
  const after = await tags.readIndex();
  if (after === undefined || !isMine(after)) return 'lost';
  const last = await tags.readClaim();
  if (last === undefined || !isMine(last)) return await yieldTo(tags, last);
  return await seal(tags, sums, shown);
}

type Intent = ClaimNote & { readonly index: Digest };

/** A claim without an index stops nobody here: its publisher looks for one before it goes on. */
function isIntent(claim: ClaimNote | undefined): claim is Intent {
  return claim?.index !== undefined;
}

/** A winner whose index was overwritten before it could say that it won shows it again; later ones read the seal. */
async function seal(tags: ReleaseTags, sums: Digest, index: Digest): Promise<'complete'> {
  await tags.writeClaim({ sums, index, sealed: true });
  if ((await tags.readIndex())?.sums !== sums) await tags.writeIndex(index);
  return 'complete';
}

async function yieldTo(tags: ReleaseTags, other: ClaimNote | undefined): Promise<'lost'> {
  if (isIntent(other) && other.sealed && (await tags.readIndex())?.sums !== other.sums)
    await tags.writeIndex(other.index);
  return 'lost';
}
