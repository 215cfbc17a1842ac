import type { ListedFile } from '../core/store-listing.ts';
import type { ListedPack } from '../core/stored-pack.ts';
import type { PackFolder } from './pack-folder.ts';
import type { PublishDoor } from './publish-door.ts';
import type { ServedFolder } from './served-folder.ts';

/** What the parts of the server share. A part is a plugin of fastify that is given this. */
export interface ServeContext {
  /** Absolute. */
  readonly root: string;
  /** The files of {@link root}. */
  readonly folder: ServedFolder;
  /** The packs of extensions below it. */
  readonly packs: PackFolder;
  readonly door: PublishDoor;
  /** Aborts when the server ends what still runs. */
  readonly signal: AbortSignal;
  /** The page for a person, as HTML. */
  readonly renderPage: (files: readonly ListedFile[], packs: readonly ListedPack[]) => string;
}
