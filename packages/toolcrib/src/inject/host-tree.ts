/** The tree of this host that a sandbox has mounted. */
export interface MountedTree {
  /** Absolute, without links. */
  readonly path: string;
  /** What the tree is like without its bytes, from before they were compared: another one when somebody touched it since. */
  readonly state: string;
  /** The directory that is shown with it, which has to be empty: absolute, without links. */
  readonly empty: string;
}

/** A tree of this host that a sandbox may have mounted. */
export interface ProvidedTree extends MountedTree {
  /** Directory of this host in which the tree is, at whatever depth, and the empty one: absolute, without links. */
  readonly base: string;
  /**
   * Compares every byte of it with the artifact; once, however often it is asked for.
   * @returns what is wrong, which was told, and the tree is not provided again; undefined when nothing is.
   * @throws RemoteError `STORAGE`; the signal's reason.
   */
  verify(): Promise<string | undefined>;
}

/** Where this host has the tree of an artifact, for sandboxes that can have it mounted instead of a copy. */
export interface HostTree {
  /** Why no tree of this host may be mounted, whatever the sandbox; undefined when one may. Nothing is written. */
  refusal(): Promise<string | undefined>;
  /**
   * A tree that was not found wrong, which is to be verified before anything rests on it; it is written when there is none.
   * @throws IntegrityError when the artifact's bytes are wrong; UsageError `USAGE`; RemoteError `STORAGE`; the signal's reason.
   */
  provide(): Promise<ProvidedTree>;
}
