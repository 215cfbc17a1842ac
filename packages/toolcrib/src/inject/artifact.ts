import type { Digest } from '../core/digest.ts';
import type { Target } from '../core/target.ts';

/** One file of an artifact tree. */
export interface InjectableFile {
  /** Relative to the tree, safe. */
  readonly path: string;
  readonly digest: Digest;
  /** Permission bits; only whether one of them is an execute bit counts in a sandbox. */
  readonly mode: number;
  /** In bytes. */
  readonly size: number;
}

/** A verified artifact as injection needs it: a plain tar, and what each of its files must be. */
export interface InjectableArtifact {
  readonly tool: string;
  readonly version: number;
  readonly target: Target;
  /** Of the artifact as it is pinned. */
  readonly digest: Digest;
  /**
   * True: nothing in it is a program. It is for every architecture, nothing of it is started, and what is proven is that its
   * bytes are there. Default: false.
   */
  readonly isData?: boolean;
  readonly descriptor: {
    /** Elements that exist in the tree are relative to it. */
    readonly entrypoint: readonly string[];
    /** Arguments of the health check, after the entry point; `--nonce N` is added. */
    readonly healthcheck: readonly string[];
  };
  readonly tar: {
    /** In bytes. */
    readonly size: number;
    readonly digest: Digest;
    readonly files: readonly InjectableFile[];
    /** Links of the tree with their targets as written; a tree may have none. */
    readonly links?: readonly { readonly path: string; readonly target: string }[];
    /** From the start, each time. */
    open(): AsyncIterable<Uint8Array>;
    /** True: its bytes were hashed, and nobody can have changed them since; else they are hashed when they are sent. */
    readonly isVerified?: boolean;
    /** Some of its bytes, fewer than asked for only at its end; nothing of what is sent is decided by them. */
    readAt(offset: number, length: number): Promise<Uint8Array>;
  };
}
