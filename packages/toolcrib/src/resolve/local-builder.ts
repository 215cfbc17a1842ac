import type { MeasuredFile } from '../disk/digest-file.ts';

/** How an artifact that no place has could be built here. Who asks and who builds is the caller's. */
export type LocalBuilder =
  /** Nothing can be built. */
  | { readonly kind: 'none'; /** Why, a sentence without its end. */ readonly reason: string }
  | {
      readonly kind: 'command';
      /** What a user would type. */
      readonly command: string;
      /** Why nobody is asked, a sentence without its end; undefined: {@link ask} may be called. */
      readonly unasked: string | undefined;
      /** Asks the user. */
      readonly ask: () => Promise<boolean>;
      /** Builds it into the binaries folder. @throws CheckError `BUILD_FAILED`; as `build/artifact.ts`. */
      readonly build: () => Promise<MeasuredFile & { /** Absolute. */ readonly path: string }>;
    };
