import type { Target } from '../core/target.ts';
import type { StoreReference } from '../core/reference.ts';
import type { Digest } from '../core/digest.ts';
import type { Sums } from '../core/sums.ts';

/** How artifacts are made: formats.md 2. */
export type BuildConfig =
  | { readonly driver: 'bun'; /** Absolute path of the TypeScript entry. */ readonly entry: string }
  | { readonly driver: 'command'; /** Given to `sh -c` in the configuration's folder. */ readonly command: string };

/** A `toolcrib.json`, normalised: every path absolute, every default filled in. */
export interface ProjectConfig {
  /** Absolute path of the file it was read from. */
  readonly file: string;
  /** The folder that relative paths and commands refer to. */
  readonly folder: string;
  readonly tool: string;
  readonly versionFile: string;
  readonly sumsFile: string;
  readonly binaries: string;
  /** Git pathspecs of what ships, relative to `folder`. */
  readonly sources: readonly string[];
  readonly baseBranch: string;
  readonly targets: readonly Target[];
  readonly build: BuildConfig | undefined;
  readonly stores: readonly StoreReference[];
  readonly rewrite: readonly { readonly from: string; readonly to: string }[];
  /** For artifacts without a descriptor. */
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
  /** Parents of placements in sandboxes, absolute, in order of preference. */
  readonly install: readonly string[];
}

/**
 * One tool at its current version with its pins: what the stages work on. Comes from a project's files, or, for the
 * tool that ships with toolcrib, from inside the package.
 */
export interface ToolPins {
  readonly tool: string;
  readonly version: number;
  readonly targets: readonly Target[];
  /** The trust anchor; empty when nothing was published yet. */
  readonly sums: Sums;
  /** Where pins were read, for messages. */
  readonly sumsFile: string;
  /** Folders that may hold the artifact under its own name: the bundled tier. Absolute. */
  readonly binaries: readonly string[];
  readonly stores: readonly StoreReference[];
  readonly rewrite: readonly { readonly from: string; readonly to: string }[];
  readonly install: readonly string[];
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
}

/** The pinned artifact of one target. */
export interface PinnedArtifact {
  /** File name, e.g. `sandbox-tools-amd64-any-v2`. */
  readonly name: string;
  readonly target: Target;
  readonly digest: Digest;
}
