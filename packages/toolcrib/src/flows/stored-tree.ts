import { basename, join } from 'node:path';
import type { UnpackedRecord } from '../cache/unpacked-record.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import { stemOf } from '../inject/mounted-path.ts';
import { placementNameFrom } from '../inject/placement-name.ts';
import { examineTree, namesIn, writeTreeOnHost, type TreeOptions } from '../inject/tree-on-host.ts';
import type { Host } from './host.ts';

/** What finding and writing trees needs. */
export type TreeHost = Pick<Host, 'random' | 'reporter' | 'signal'>;

/** Names of trees of an artifact in a directory of this host: nothing of them is read. @throws RemoteError `STORAGE`. */
export async function treesIn(artifact: InjectableArtifact, parent: string): Promise<readonly string[]> {
  const stem = stemOf(artifact);
  const names = await namesIn(parent);
  return names
    .filter((name) => name.startsWith(`${stem}-`) && placementNameFrom(name) !== undefined)
    .map((name) => join(parent, name));
}

/**
 * Compares every byte of a tree; one that is wrong is told, and left for who has it mounted.
 * @param hint what to do about a wrong one.
 * @returns what is wrong; undefined when nothing is.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function verifyTree(
  artifact: InjectableArtifact,
  path: string,
  { reporter, signal }: TreeHost,
  hint: string,
): Promise<string | undefined> {
  const wrong = await examineTree(artifact, path, signal);
  if (wrong === undefined) return undefined;
  const text = `${path} is not what was placed there and is not used any more: ${wrong}`;
  reporter.notice({ kind: 'warning', text, hint });
  return wrong;
}

/**
 * Compares every byte of a tree with what is known of its artifact, which need not be there.
 * @returns what is wrong; undefined when nothing is.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function compareTree(
  { entries }: UnpackedRecord,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const files = entries.filter((entry) => entry.kind === 'file');
  const links = entries.filter((entry) => entry.kind === 'link');
  return await examineTree({ tar: { files, links } }, path, signal);
}

/** The path of a tree of an artifact that is not there yet. */
export function newTreePath(artifact: InjectableArtifact, parent: string, { random }: TreeHost): string {
  return join(parent, `${stemOf(artifact)}-${Buffer.from(random(8)).toString('hex')}`);
}

/** @throws as `writeTreeOnHost`. */
export async function writeTree(
  artifact: InjectableArtifact,
  path: string,
  { reporter, signal }: TreeHost,
  { isDurable = true }: Pick<TreeOptions, 'isDurable'> = {},
): Promise<void> {
  const { tool, version, tar } = artifact;
  const progress = reporter.progress(`place ${tool} in ${basename(path)}`, tar.size);
  try {
    await writeTreeOnHost(artifact, path, { signal, isDurable, advance: (bytes) => progress.advance(bytes) });
  } finally {
    progress.end();
  }
  reporter.notice({ kind: 'step', text: `placed ${tool} v${version} in ${path}` });
}
