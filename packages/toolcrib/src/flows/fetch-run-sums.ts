import { join } from 'node:path';
import { withScratch } from '../build/scratch.ts';
import { readVersion } from '../config/read-pins.ts';
import { IntegrityError, NotFoundError } from '../core/errors.ts';
import { coverageOf } from '../core/sums-coverage.ts';
import { MAX_SUMS_BYTES, parseSums, type Sums } from '../core/sums.ts';
import { readSmallText } from '../disk/small-file.ts';
import { demandToken, fetchRunArtifact, listRunArtifacts } from '../github/run-artifacts.ts';
import { readRun, type WorkflowRun } from '../github/runs.ts';
import { shown } from '../promote/demand.ts';
import { SUMS_FILE, sumsArtifactName } from '../promote/workflows/workflow-settings.ts';
import { writeSumsFile } from '../publish/sums-file.ts';
import type { Host } from './host.ts';
import { openProjectRepository } from './open-github.ts';
import { configOf, type Project } from './project.ts';

/** The pins that CI computed, now in the project's sums file. */
export interface FetchedSums {
  readonly tool: string;
  readonly version: number;
  /** Absolute path of the file that was written. */
  readonly sumsFile: string;
  /** URL of the run. */
  readonly run: string;
  /** The commit that it built. */
  readonly builtCommit: string;
}

/**
 * Brings the sums that a run of the build workflow computed into the project, for their author to commit. They have to
 * name exactly the project's targets of exactly its version. Nothing is trusted by that: a review has to approve them.
 * @throws NotFoundError `NOT_FOUND` when the run has none of this version, or they expired; IntegrityError `MALFORMED`
 * when they name other files; UsageError; RemoteError.
 */
export async function fetchRunSums(
  project: Project,
  host: Host,
  options: { readonly run: number; readonly repository?: string },
): Promise<FetchedSums> {
  const config = configOf(project, 'fetch --sums');
  const { tool, targets, sumsFile } = config;
  const subject = { tool, version: await readVersion(config), targets };
  const repository = await openProjectRepository(host, config.folder, options.repository);
  try {
    demandToken(repository);
    const run = await readRun(repository, options.run);
    const artifacts = await listRunArtifacts(repository, run.id);
    const artifact = artifacts.get(sumsArtifactName(tool, subject.version));
    if (artifact === undefined) throw noSums(run, subject, [...artifacts.keys()]);
    const sums = await withScratch(config.binaries, async (folder) => {
      await fetchRunArtifact(repository, { artifact, files: [SUMS_FILE], folder, reporter: host.reporter });
      const text = await readSmallText(join(folder, SUMS_FILE), MAX_SUMS_BYTES);
      return exactSums(text, run, subject);
    });
    await writeSumsFile(sumsFile, sums, subject, { signal: host.signal });
    return { tool, version: subject.version, sumsFile, run: run.url, builtCommit: run.commit };
  } finally {
    await repository.close();
  }
}

type Subject = Parameters<typeof writeSumsFile>[2];

function exactSums(text: string, run: WorkflowRun, { tool, version, targets }: Subject): Sums {
  const where = `${SUMS_FILE} of run ${run.id}`;
  const sums = parseSums(text, where, { tool, version });
  const { isExact, wanted, named } = coverageOf(sums, { tool, version, targets });
  if (isExact) return sums;
  throw new IntegrityError('MALFORMED', `${where} names ${named.join(', ')}, expected ${wanted.join(', ')}`, {
    hint: 'the run built other targets than toolcrib.json has here: check out the commit that it built',
    details: { wanted, named },
  });
}

function noSums(run: WorkflowRun, { tool, version }: Subject, names: readonly string[]): NotFoundError {
  const has = names.length === 0 ? 'it has no artifacts' : `it has ${names.map(shown).join(', ')}`;
  return new NotFoundError('NOT_FOUND', `${run.url} has no sums of ${tool} v${version}: ${has}`, {
    hint: 'name a run of "Build tool support" that built this version and ended well',
    details: { run: run.id, artifacts: names.map(shown) },
  });
}
