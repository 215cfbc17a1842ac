import type { CacheLimits } from '../core/cache-limits.ts';
import type { OciBase } from '../core/oci-location.ts';
import type { Arch, Target } from '../core/target.ts';
import type { StoreReference } from '../core/reference.ts';
import type { Digest } from '../core/digest.ts';
import type { Sums } from '../core/sums.ts';

/** How artifacts are made: formats.md 2. */
export type BuildConfig =
  | { readonly driver: 'bun'; /** Absolute path of the TypeScript entry. */ readonly entry: string }
  | { readonly driver: 'command'; /** Given to `sh -c` in the configuration's folder. */ readonly command: string }
  | {
      readonly driver: 'docker';
      /** Absolute path of the folder that is sent to the engine. */
      readonly context: string;
      /** Absolute. */
      readonly dockerfile: string;
      /** Absolute path of the file in the image that is the executable or the gzipped tar. */
      readonly output: string;
    };

/** Who must have signed what is used: formats.md 2 and 7. */
export interface AttestationPolicy {
  /** True: an artifact without an attestation that is trusted is refused. */
  readonly require: boolean;
  /** Absolute paths of PEM files, one Ed25519 public key each. */
  readonly publicKeys: readonly string[];
  /** Who a certificate may be for; `subject` is exact, or a regular expression between `^` and `$`. */
  readonly identities: readonly { readonly issuer: string; readonly subject: string }[];
  /** What the provenance must say of where an artifact was built; absent parts may be anything. */
  readonly source: {
    /** URL, e.g. `https://github.com/OWNER/REPO`. */
    readonly repository?: string | undefined;
    /** Path in the repository, e.g. `.github/workflows/promote-tool-support.yml`. */
    readonly workflow?: string | undefined;
    /** E.g. `refs/heads/main`. */
    readonly ref?: string | undefined;
  };
  /** Absolute path of a Sigstore trusted root under git; undefined: that of the public service. */
  readonly trustedRoot: string | undefined;
  /** Digest that a trusted root from a bundle must have; undefined: one from a bundle counts for nothing. */
  readonly trustedRootDigest: Digest | undefined;
}

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
  readonly attestation: AttestationPolicy;
  /** For artifacts without a descriptor. */
  readonly entrypoint: readonly string[];
  readonly healthcheck: readonly string[];
  /** Parents of placements in sandboxes, absolute, in order of preference. */
  readonly install: readonly string[];
  /** Images of a container engine that `validate` tries the tool in. */
  readonly images: readonly string[];
  /** For `cache gc` in this project; the cache itself belongs to every project of the user. */
  readonly cache: CacheLimits;
  /** What `repo://` references of extensions stand below. */
  readonly repoBase: OciBase | undefined;
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
  /** The npm packages, as `NAME@VERSION`, that have the artifact of a machine; absent for a project's tool. */
  readonly packages?: Readonly<Record<Arch, string>>;
  readonly stores: readonly StoreReference[];
  readonly rewrite: readonly { readonly from: string; readonly to: string }[];
  readonly attestation: AttestationPolicy;
  /** Absolute path where the project may keep its signed list of revoked releases; undefined for the tool that ships. */
  readonly revocationFile: string | undefined;
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
