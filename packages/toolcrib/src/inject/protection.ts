import type { ParentExamination } from './examine-parent.ts';
import type { Placement, Protection } from './placement.ts';

/** What decides against whom a proof holds. */
export interface Circumstances {
  readonly examination: ParentExamination;
  /** The sandbox's own user; undefined when it is not known. 0 is the user of toolcrib where {@link isLocal}. */
  readonly uid: number | undefined;
  /** True when the tree belongs to root (or, in a local sandbox, to the user of toolcrib). */
  readonly placedAsRoot: boolean;
  readonly readBack: Placement['readBack'];
  /** True when nobody but programs of the sandbox told anything of it. */
  readonly toldByItself: boolean;
  /** True for a local sandbox, whose programs the user of toolcrib runs. */
  readonly isLocal: boolean;
}

/** States the protection that was really achieved, and why it is no more. */
export function protectionOf(circumstances: Circumstances): { readonly protection: Protection; readonly why: string } {
  const { examination, uid, placedAsRoot, readBack, toldByItself, isLocal } = circumstances;
  if (toldByItself) {
    const why = holdsNow('all that is known of the sandbox was told by programs in it, which may lie');
    return { protection: 'writable-parent', why };
  }
  const [weakness] = examination.weaknesses;
  if (weakness !== undefined) return { protection: 'writable-parent', why: holdsNow(weakness) };
  if (readBack === 'exec') {
    return {
      protection: 'writable-parent',
      why: holdsNow(`the engine cannot see ${examination.parent} as the sandbox does`),
    };
  }
  if (uid === undefined)
    return { protection: 'same-user', why: holdsNow(`the sandbox's user cannot be looked up, it may be root`) };
  if (!placedAsRoot || uid === 0) {
    const owner = isLocal ? 'the user of toolcrib' : 'root';
    const who = uid === 0 ? `${owner}, who can change everything there` : `uid ${uid}, to whom the tree belongs`;
    return { protection: 'same-user', why: holdsNow(`commands of the sandbox run as ${who}`) };
  }
  // A tmpfs is the container's own; without its weaknesses, somebody could look into it.
  if (examination.mount !== undefined && examination.mount.kind !== 'tmpfs') {
    const why = holdsNow(`${examination.mount.path} is a volume, which other containers may share`);
    return { protection: 'writable-parent', why };
  }
  return {
    protection: 'root-owned',
    why: `the tree and every directory above it belong to root, commands of the sandbox run as uid ${uid}; root in the sandbox could still change it`,
  };
}

function holdsNow(reason: string): string {
  return `${reason}: what was proven holds at placement only`;
}
