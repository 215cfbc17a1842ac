import { join } from 'node:path';
import * as z from 'zod/mini';
import { isDigest, type Digest } from '../core/digest.ts';
import { NotFoundError, RemoteError, type ToolcribError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import '../core/schema-messages.ts';
import { abortable } from '../disk/abortable.ts';
import { receiveFile } from '../disk/receive-file.ts';
import { discardTemporary } from '../disk/temporary.ts';
import { publishTemporary } from '../disk/write-file.ts';
import type { GithubRepository } from './repository.ts';
import { readZipEntries } from './zip-entry.ts';

/** What a run kept: a ZIP on GitHub. */
export interface RunArtifact {
  readonly id: number;
  readonly name: string;
  /** Of the ZIP, in bytes, as GitHub says it. */
  readonly size: number;
  readonly expired: boolean;
  /** ISO 8601. */
  readonly expiresAt: string | null;
  /** Of the ZIP, as GitHub says it. */
  readonly digest: Digest | undefined;
}

const artifactsSchema = z.object({
  artifacts: z.array(
    z.object({
      id: z.int(),
      name: z.string(),
      size_in_bytes: z.int(),
      expired: z.boolean(),
      expires_at: z.nullable(z.string()),
      digest: z.nullish(z.string()),
    }),
  ),
});

const READ_ACTIONS = 'actions: read';
/** Generous for a tool with its runtime; a bomb is above. In bytes. */
const MAX_ZIP_BYTES = 2 * 1024 ** 3;
const LIMITS = { maxEntries: 64, maxEntryBytes: 2 * 1024 ** 3 };

/** What a run kept, by name; of several with one name the latest. */
export async function listRunArtifacts(
  { github, owner, repo, signal }: GithubRepository,
  run: number,
): Promise<ReadonlyMap<string, RunArtifact>> {
  const all: RunArtifact[] = [];
  const pages = github.pages(
    'GET /repos/{owner}/{repo}/actions/runs/{run_id}/artifacts',
    { owner, repo, run_id: run, per_page: 100 },
    artifactsSchema,
    { needs: READ_ACTIONS, signal },
  );
  for await (const { artifacts } of pages) {
    for (const { id, name, size_in_bytes: size, expired, expires_at: expiresAt, digest } of artifacts) {
      const known = typeof digest === 'string' && isDigest(digest) ? digest : undefined;
      all.push({ id, name, size, expired, expiresAt, digest: known });
    }
  }
  return new Map(all.sort((a, b) => a.id - b.id).map((artifact) => [artifact.name, artifact]));
}

/** Which files of an artifact go where. */
export interface ArtifactRequest {
  readonly artifact: RunArtifact;
  /** Names of files in it. */
  readonly files: readonly string[];
  /** Absolute; it exists. The files get their names in it when they are whole. */
  readonly folder: string;
  readonly reporter: Reporter;
}

/**
 * Brings files out of an artifact. Their bytes are nobody's pins: whoever asked compares them.
 * @throws NotFoundError `NOT_FOUND` for one that has expired; IntegrityError when it is damaged, not what GitHub said, or
 * lacks a file; RemoteError of the network and the disk; the signal's reason.
 */
export async function fetchRunArtifact(repository: GithubRepository, request: ArtifactRequest): Promise<void> {
  const { artifact, files, folder } = request;
  const zip = await receiveZip(repository, request);
  try {
    await readZipEntries(zip, files, LIMITS, async (name, bytes, size) => {
      const what = `${name} in the artifact ${artifact.name}`;
      const { signal } = repository;
      const received = await receiveFile({ directory: folder, bytes, maxBytes: size, what, signal });
      await publishTemporary(received.path, join(folder, name));
    });
  } finally {
    await discardTemporary(zip);
  }
}

async function receiveZip(repository: GithubRepository, request: ArtifactRequest): Promise<string> {
  const { github, owner, repo, signal } = repository;
  const { artifact, folder, reporter } = request;
  if (artifact.expired) throw expiredArtifact(artifact);
  const path = `/repos/${owner}/${repo}/actions/artifacts/${artifact.id}/zip`;
  const download = await github.download(path, { needs: READ_ACTIONS, signal });
  if (download === undefined) throw expiredArtifact(artifact);
  const progress = reporter.progress(artifact.name, download.size);
  try {
    const received = await receiveFile({
      directory: folder,
      bytes: abortable(download.bytes, signal),
      ...(artifact.digest !== undefined && { expected: { digest: artifact.digest } }),
      maxBytes: MAX_ZIP_BYTES,
      onBytes: (bytes) => progress.advance(bytes),
      what: `the artifact ${artifact.name} (${download.url})`,
      signal,
    });
    return received.path;
  } finally {
    progress.end();
  }
}

/** @throws RemoteError `REMOTE_REFUSED` without a token: GitHub gives out artifacts to nobody else. */
export function demandToken({ github }: GithubRepository): void {
  if (github.hasToken) return;
  throw new RemoteError('REMOTE_REFUSED', 'GitHub gives out the artifacts of a run only with a token', {
    hint: 'set TOOLCRIB_GITHUB_TOKEN or GITHUB_TOKEN, e.g. to what "gh auth token" prints',
  });
}

/** What is to be said of an artifact that GitHub does not keep any more. */
export function expiredArtifact({ name, expiresAt }: RunArtifact): ToolcribError {
  const when = expiresAt === null ? '' : ` (on ${expiresAt.slice(0, 10)})`;
  return new NotFoundError('NOT_FOUND', `the artifact ${name} has expired${when}: GitHub keeps them for 90 days`, {
    hint: 'run the workflow "Build tool support" again for the pull request (Re-run all jobs), and let the new sums be reviewed',
    details: { artifact: name, expiresAt },
  });
}
