import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';

/** What is injected: the tool that ships, or a small program where its size is not what is tried. */
export type Content = 'the tool that ships' | 'a static program' | 'a program for glibc';

/** A target that is hard to inject into: one row of docs/hard-targets.md. */
export interface HardTarget {
  /** What is hard about it, for readers; no two rows have the same with the same content. */
  readonly name: string;
  readonly content: Content;
  /** Makes it. */
  readonly open: (contents: Contents) => Promise<OpenTarget>;
  /** True where a copy is asked for. */
  readonly copy?: boolean;
  /** Parents of placements; default: those of a configuration that says nothing. */
  readonly install?: readonly string[];
  /** True for one that is changed while it is injected: what comes of it is not always the same. */
  readonly restless?: boolean;
}

/** A target that is there, taken away at the end of its scope. */
export interface OpenTarget extends AsyncDisposable {
  readonly sandbox: Sandbox;
  /** What must hold after the injection, whatever came of it. */
  readonly verify?: () => Promise<void>;
}

/** What is injected, ready. Made once for all targets. */
export interface Contents extends AsyncDisposable {
  readonly program: InjectableArtifact;
  readonly glibcProgram: InjectableArtifact;
  /** The folder of the project of the tool that ships. */
  readonly toolFolder: string;
  /** A folder for the cache of the tool that ships. */
  readonly cache: string;
  /** A folder for ledgers. */
  readonly scratch: string;
}
