import { createHash } from 'node:crypto';
import { ZipFile } from 'yazl';

/** A commit and its whole tree. */
export interface StoredCommit {
  readonly sha: string;
  readonly parents: readonly string[];
  /** Path to text. */
  readonly files: ReadonlyMap<string, string>;
  readonly date: string;
  /** Accounts of its author and committer; default: some other. */
  readonly author?: string;
  readonly committer?: string;
}

export interface StoredReview {
  /** Null for an account that is gone. */
  readonly user: string | null;
  readonly type?: 'User' | 'Bot';
  readonly state: 'APPROVED' | 'CHANGES_REQUESTED' | 'COMMENTED' | 'DISMISSED';
  readonly commit: string;
}

export interface StoredPull {
  readonly number: number;
  author: string;
  state: 'open' | 'closed';
  merged: boolean;
  head: string;
  /** Default `feature`. */
  branch?: string;
  /** What happened to it, e.g. `base_ref_changed`. */
  events?: string[];
  /** OWNER/REPO; null when it is gone. */
  headRepository: string | null;
  base: string;
  readonly reviews: StoredReview[];
}

export interface StoredArtifact {
  readonly id: number;
  readonly name: string;
  zip: Buffer;
  expired: boolean;
}

export interface StoredRun {
  readonly id: number;
  commit: string;
  event: string;
  status: 'queued' | 'in_progress' | 'completed';
  conclusion: string | null;
  path: string;
  /** OWNER/REPO; null when it is gone. */
  headRepository: string | null;
  pulls: number[];
  /** Default `feature`. */
  branch?: string;
  jobs: { readonly name: string; readonly conclusion: string | null }[];
  readonly artifacts: StoredArtifact[];
}

export interface StoredComment {
  readonly id: number;
  readonly issue: number;
  /** `Bot`: the token of a job wrote it. */
  readonly author: 'Bot' | 'User';
  body: string;
}

/** What the stand-in knows of one repository besides releases: commits, pull requests, reviews, runs, comments. */
export interface ActionsState {
  /** By full hash. */
  readonly commits: Map<string, StoredCommit>;
  /** Branch to commit. */
  readonly branches: Map<string, string>;
  /** Tag to commit. */
  readonly tags: Map<string, string>;
  readonly pulls: Map<number, StoredPull>;
  /** `admin`, `write`, `read` or `none` of a user; one that is not named is no user of GitHub. */
  readonly permissions: Map<string, string>;
  readonly runs: StoredRun[];
  readonly comments: StoredComment[];
}

export function createActionsState(): ActionsState {
  return {
    commits: new Map(),
    branches: new Map(),
    tags: new Map(),
    pulls: new Map(),
    permissions: new Map(),
    runs: [],
    comments: [],
  };
}

/** Git's id of a file's content. */
export function blobOf(text: string): string {
  const bytes = Buffer.from(text);
  return createHash('sha1').update(`blob ${bytes.byteLength}\0`).update(bytes).digest('hex');
}

/** What differs between a commit and its first parent. */
export function changesOf(
  state: ActionsState,
  { parents, files }: StoredCommit,
): readonly { readonly path: string; readonly status: 'added' | 'modified' | 'removed' }[] {
  const before = state.commits.get(parents[0] ?? '')?.files ?? new Map<string, string>();
  const paths = [...new Set([...before.keys(), ...files.keys()])].sort();
  return paths.flatMap((path) => {
    if (before.get(path) === files.get(path)) return [];
    const status = !before.has(path) ? 'added' : files.has(path) ? 'modified' : 'removed';
    return [{ path, status } as const];
  });
}

/** A ZIP with these files, as GitHub keeps an artifact. */
export async function zipOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) {
    zip.addBuffer(Buffer.from(content), name, { mtime: new Date('2026-01-01T00:00:00Z') });
  }
  zip.end();
  const pieces: Uint8Array[] = [];
  const stream: AsyncIterable<unknown> = zip.outputStream;
  for await (const piece of stream) {
    if (piece instanceof Uint8Array) pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
