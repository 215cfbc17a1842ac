import { join, resolve } from 'node:path';
import { examineArtifact } from '../build/examine-artifact.ts';
import { readVersion } from '../config/read-pins.ts';
import { formatArtifactName } from '../core/artifact-name.ts';
import type { Digest } from '../core/digest.ts';
import { UsageError } from '../core/errors.ts';
import { formatSums, MAX_SUMS_BYTES, type Sums } from '../core/sums.ts';
import { ifThere, readSmallText } from '../disk/small-file.ts';
import { ensureDirectory, writeFileAtomically } from '../disk/write-file.ts';
import { openRepository } from '../git/repository.ts';
import { formatPatch } from '../promote/sums-patch.ts';
import { SUMS_FILE, SUMS_FOLDER, SUMS_PATCH } from '../promote/workflows/workflow-settings.ts';
import { appendStepSummary } from './github-files.ts';
import type { Host } from './host.ts';
import { configOf, type Project } from './project.ts';

/** The sums of what was built, as files for their author to commit. */
export interface CollectedSums {
  readonly tool: string;
  readonly version: number;
  readonly sums: Readonly<Record<string, Digest>>;
  /** Absolute. */
  readonly sumsFile: string;
  /** Absolute; an empty file when the sums are committed already. */
  readonly patchFile: string;
}

/**
 * Computes the sums of all artifacts of the binaries folder into a folder of its own; the project's sums file stays as it
 * is. Each artifact is examined as `build` does it.
 * @param options.output folder, made when it is not there.
 * @throws NotFoundError `NOT_FOUND` for an artifact that is missing; what `build/examine-artifact.ts` says; UsageError.
 */
export async function collectSums(
  project: Project,
  host: Host,
  options: { readonly output?: string } = {},
): Promise<CollectedSums> {
  const config = configOf(project, 'ci sums');
  const { tool, targets, binaries, entrypoint } = config;
  const { signal } = host;
  const version = await readVersion(config);
  const sums = new Map<string, Digest>();
  for (const target of targets) {
    const artifact = { tool, version, target, dev: false };
    const path = join(binaries, formatArtifactName(artifact));
    const { name, digest } = await examineArtifact(path, artifact, entrypoint, signal);
    sums.set(name, digest);
  }
  const git = await openRepository(config.folder, { env: host.env, signal });
  const path = git.pathInTree(config.sumsFile);
  if (path === undefined) {
    throw new UsageError('USAGE', `${config.sumsFile} is not in the repository`, { hint: 'it is committed there' });
  }
  const text = formatSums(sums);
  const folder = resolve(host.cwd, options.output ?? SUMS_FOLDER);
  const [sumsFile, patchFile] = [join(folder, SUMS_FILE), join(folder, SUMS_PATCH)];
  await ensureDirectory(folder);
  await writeFileAtomically(sumsFile, text, { signal });
  const before = await ifThere(readSmallText(config.sumsFile, MAX_SUMS_BYTES));
  await writeFileAtomically(patchFile, formatPatch(path, before, text), { signal });
  await appendStepSummary(host, summaryOf(tool, version, sums));
  return { tool, version, sums: Object.fromEntries(sums), sumsFile, patchFile };
}

function summaryOf(tool: string, version: number, sums: Sums): string {
  return `### ${tool} v${version}\n\n\`\`\`\n${formatSums(sums)}\`\`\`\n\n`;
}
