import { join, resolve } from 'node:path';
import type { Signer } from '../attestations/attestation.ts';
import { buildSourceFromEnv } from '../attestations/build-source.ts';
import { withScratch } from '../build/scratch.ts';
import type { ProjectConfig } from '../config/config.ts';
import { normaliseConfig, parseConfig } from '../config/read-config.ts';
import type { Digest } from '../core/digest.ts';
import { IntegrityError, UsageError } from '../core/errors.ts';
import { digestFile } from '../disk/digest-file.ts';
import { openRepository, type GitRepository } from '../git/repository.ts';
import { readCommit, readFileAt, readTip } from '../github/commits.ts';
import { listReviews, mayWrite, readPull, type PullRequest } from '../github/pulls.ts';
import { demandToken, fetchRunArtifact } from '../github/run-artifacts.ts';
import { readRun, type WorkflowRun } from '../github/runs.ts';
import { notApproved, shortCommit } from '../promote/demand.ts';
import { findBuild, verifyJobs, type Build } from '../promote/find-build.ts';
import { reviewedRelease, type ReviewedRelease } from '../promote/reviewed-release.ts';
import { reviewersOf, verifyApproval, verifyPull } from '../promote/verify-approval.ts';
import { verifyBases } from '../promote/verify-bases.ts';
import { BUILD_WORKFLOW_PATH, verifyRun, verifyWorkflow } from '../promote/verify-run.ts';
import { setStepOutputs } from './github-files.ts';
import type { Host } from './host.ts';
import { openProjectRepository, type OpenedRepository } from './open-github.ts';
import { configOf, type Project } from './project.ts';
import { publishRelease, type Publication, type PublishSource } from './publish-release.ts';
import { rebuildCommit } from './rebuild-commit.ts';

export interface PromoteOptions {
  /** Number of the pull request; at least one of this and `run`. */
  readonly pr?: number;
  /** Id of the run that built it. */
  readonly run?: number;
  /** OWNER/REPO; default: of the job, or of the remote `origin`. */
  readonly repository?: string;
  /** Full hash that the head of the pull request has to have. */
  readonly commit?: string;
  /**
   * Verify this and publish nothing: that it is approved, or also that its artifacts were built as they have to be and are
   * what is pinned. No store is asked and nothing is signed, so that it takes no credentials but GitHub's.
   */
  readonly verifyOnly?: VerifiedPart;
  /** True: build the approved commit here and promote that, if it has the pinned digests. */
  readonly rebuild?: boolean;
  /** Folder of artifacts that were built again elsewhere, instead. */
  readonly rebuilt?: string;
  readonly to?: readonly string[];
  /** `sigstore`, or the path of an Ed25519 private key. */
  readonly sign?: string;
  /** A signer that is open already, instead of `sign`. */
  readonly signer?: Signer;
  readonly receipt?: string;
  readonly notify?: readonly string[];
  readonly dryRun?: boolean;
}

/** What is verified of a promotion where nothing is published. */
export type VerifiedPart = 'approval' | 'artifacts';

/** What was promoted. */
export interface Promotion {
  readonly pullRequest: number;
  /** Who approved it. */
  readonly approvedBy: readonly string[];
  readonly tool: string;
  readonly version: number;
  /** The reviewed head. */
  readonly commit: string;
  /** The commit that was built: the head, or one before it from which only the sums differ. */
  readonly builtCommit: string;
  /** URL of the run that built it; null when it was built again. */
  readonly run: string | null;
  /** Null when it was only verified. */
  readonly publication: Publication | null;
}

/**
 * Publishes what CI built for a reviewed pull request. Demands, in this order: the pull request is of this repository and
 * goes into the base branch; its head is approved; its version is not below the base's, and its sums pin exactly that
 * version; a run of the build workflow, whose file is the base branch's, built that head (or a commit from which only the
 * sums differ), for pull requests into the base branch and no other; its artifacts have the pinned digests. Then signs and
 * publishes as `publish` does.
 * @throws PolicyError `NOT_APPROVED` with the demand in `details.demand`, `ROLLBACK`; IntegrityError `DIGEST_MISMATCH`;
 * NotFoundError `NOT_FOUND` for artifacts that expired; UsageError; RemoteError; what {@link publishRelease} says.
 */
export async function promoteRelease(project: Project, host: Host, options: PromoteOptions): Promise<Promotion> {
  const config = configOf(project, 'promote');
  verifyOptions(options);
  const git = await openRepository(config.folder, { env: host.env, signal: host.signal });
  const repository = await openProjectRepository(host, config.folder, options.repository);
  const context: Context = { config, git, host, repository, options };
  try {
    const reviewed = await readReviewed(context);
    const { pull, release } = reviewed;
    const outputs = { pr: String(pull.number), commit: pull.head.sha, version: String(release.version) };
    await setStepOutputs(host, outputs);
    if (options.verifyOnly === 'approval') return promotionOf(reviewed, reviewed.pull.head.sha, null, null);
    return await withScratch(config.binaries, (scratch) => promoteReviewed(context, reviewed, scratch));
  } finally {
    await repository.close();
  }
}

interface Context {
  readonly config: ProjectConfig;
  readonly git: GitRepository;
  readonly host: Host;
  readonly repository: OpenedRepository;
  readonly options: PromoteOptions;
}

/** What was reviewed, by whom. */
interface Reviewed {
  readonly pull: PullRequest;
  /** The commit at the tip of the branch that it goes into. */
  readonly baseTip: string;
  readonly approvedBy: readonly string[];
  /** The configuration of the reviewed commit, as if it stood in this checkout. */
  readonly config: ProjectConfig;
  readonly release: ReviewedRelease;
  /** The run that was named. */
  readonly run: WorkflowRun | undefined;
}

function verifyOptions(options: PromoteOptions): void {
  const { pr, run, rebuild, rebuilt, verifyOnly } = options;
  if (pr === undefined && run === undefined) {
    throw new UsageError('USAGE', 'promote needs --pr or --run', {
      hint: 'the number of the pull request, or the id of the run that built it',
    });
  }
  if (rebuild === true && rebuilt !== undefined) {
    throw new UsageError('USAGE', 'promote takes --rebuild or --rebuilt, not both', {
      hint: '--rebuild builds here; --rebuilt DIR takes what was built again elsewhere',
    });
  }
  const moot = verifyOnly === undefined ? undefined : PUBLISHING.find((name) => options[name] !== undefined);
  if (moot === undefined) return;
  throw new UsageError('USAGE', `promote publishes nothing with --verify-only: "${moot}" says how to publish`, {
    hint: '--dry-run verifies all that a publication needs: the stores, their credentials, and who signs',
  });
}

/** Options that have no meaning where nothing is published. */
const PUBLISHING = ['to', 'sign', 'signer', 'receipt', 'notify', 'dryRun'] as const;

const rebuilds = ({ rebuild, rebuilt }: PromoteOptions): boolean => rebuild === true || rebuilt !== undefined;

async function readReviewed(context: Context): Promise<Reviewed> {
  const { config, host, options, repository } = context;
  const run = options.run === undefined ? undefined : await readRun(repository, options.run);
  const pull = await readPull(repository, options.pr ?? pullOf(run));
  verifyPull(pull, {
    repository: repository.name,
    baseBranch: config.baseBranch,
    rebuilds: rebuilds(options) || options.verifyOnly === 'approval',
    commit: options.commit,
  });
  const reviews = await listReviews(repository, pull.number);
  const writers = new Set<string>();
  for (const login of reviewersOf(pull, reviews)) {
    if (await mayWrite(repository, login)) writers.add(login);
  }
  const { logins } = await readCommit(repository, pull.head.sha);
  const approvedBy = verifyApproval(pull, reviews, writers, logins);
  const baseTip = await readTip(repository, pull.base.ref);
  const read = await readRelease(context, pull, baseTip);
  host.reporter.notice({ kind: 'step', text: `${shortCommit(pull.head.sha)} is approved by ${approvedBy.join(', ')}` });
  return { pull, baseTip, approvedBy, run, ...read };
}

function pullOf(run: WorkflowRun | undefined): number {
  const [pull, second] = run?.pulls ?? [];
  if (pull !== undefined && second === undefined) return pull;
  const what = pull === undefined ? 'no open pull request' : 'more than one pull request';
  throw new UsageError('USAGE', `run ${run?.id ?? ''} belongs to ${what}`, {
    hint: 'name the pull request too: --pr N',
  });
}

async function readRelease(
  context: Context,
  pull: PullRequest,
  baseTip: string,
): Promise<Pick<Reviewed, 'config' | 'release'>> {
  const { config, git, repository } = context;
  const { sha } = pull.head;
  const path = pathInTree(git, config.file);
  const text = (await readFileAt(repository, path, sha))?.text;
  if (text === undefined) {
    throw notApproved('tool', `${shortCommit(sha)} has no ${path}`, 'promote in a checkout of the same project');
  }
  const reviewed = normaliseConfig(parseConfig(text, `${path} at ${shortCommit(sha)}`), config.file);
  const textAt = async (file: string, ref: string) => (await readFileAt(repository, pathInTree(git, file), ref))?.text;
  const release = reviewedRelease({
    commit: sha,
    tool: config.tool,
    reviewedTool: reviewed.tool,
    targets: reviewed.targets,
    version: { path: pathInTree(git, reviewed.versionFile), text: await textAt(reviewed.versionFile, sha) },
    sums: { path: pathInTree(git, reviewed.sumsFile), text: await textAt(reviewed.sumsFile, sha) },
    baseVersion: await textAt(config.versionFile, baseTip),
  });
  return { config: reviewed, release };
}

function pathInTree(git: GitRepository, path: string): string {
  const inside = git.pathInTree(path);
  if (inside !== undefined) return inside;
  throw new UsageError('USAGE', `${path} is not in the repository of ${git.folder}`, {
    hint: 'what is reviewed stands in the repository: correct toolcrib.json',
  });
}

/** Artifacts of the reviewed commit in a folder, and what they were built from. */
interface Brought {
  /** Absolute. */
  readonly folder: string;
  readonly builtCommit: string;
  readonly date: string | null;
  readonly run: string | null;
}

async function promoteReviewed(context: Context, reviewed: Reviewed, scratch: string): Promise<Promotion> {
  const { config, host, options } = context;
  const { release } = reviewed;
  const brought = await bring(context, reviewed, scratch);
  await verifyDigests(context, brought.folder, release);
  if (options.verifyOnly === 'artifacts') return promotionOf(reviewed, brought.builtCommit, brought.run, null);
  const { to, sign, signer, receipt, notify, dryRun } = options;
  // Where to publish and whom to trust stands in this checkout; what is published, in the reviewed commit.
  const { targets, entrypoint, healthcheck } = reviewed.config;
  const publishing: Project = {
    config: { ...config, targets, entrypoint, healthcheck },
    readPins: () => Promise.reject(new Error('a promotion has the pins of the reviewed commit')),
  };
  const publication = await publishRelease(publishing, host, {
    action: 'promote',
    binaries: brought.folder,
    version: release.version,
    expectedSums: release.sums,
    source: sourceOf(context, reviewed, brought),
    ...(to !== undefined && { to }),
    ...(sign !== undefined && { sign }),
    ...(signer !== undefined && { signer }),
    ...(receipt !== undefined && { receipt }),
    ...(notify !== undefined && { notify }),
    ...(dryRun !== undefined && { dryRun }),
  });
  return promotionOf(reviewed, brought.builtCommit, brought.run, publication);
}

function promotionOf(
  { pull, approvedBy, release }: Reviewed,
  builtCommit: string,
  run: string | null,
  publication: Publication | null,
): Promotion {
  const { tool, version } = release;
  return { pullRequest: pull.number, approvedBy, tool, version, commit: pull.head.sha, builtCommit, run, publication };
}

async function bring(context: Context, reviewed: Reviewed, scratch: string): Promise<Brought> {
  const { git, host, options, repository } = context;
  const { pull } = reviewed;
  if (!rebuilds(options)) return await bringFromRun(context, reviewed, scratch);
  const { date } = await readCommit(repository, pull.head.sha);
  const folder =
    options.rebuilt === undefined
      ? await rebuildCommit(git, host, { pull, config: reviewed.config, scratch })
      : resolve(host.cwd, options.rebuilt);
  return { folder, builtCommit: pull.head.sha, date, run: null };
}

async function bringFromRun(context: Context, reviewed: Reviewed, scratch: string): Promise<Brought> {
  const { repository, git, host } = context;
  const { reporter } = host;
  demandToken(repository);
  if (reviewed.run !== undefined) verifyRun(reviewed.run, repository.name);
  const build = await findReviewedBuild(repository, git, reviewed);
  await setStepOutputs(host, { run: String(build.run.id) });
  for (const name of reviewed.release.sums.keys()) {
    const artifact = build.artifacts.get(name);
    if (artifact === undefined) throw new Error(`nobody looked whether ${name} is there`);
    await fetchRunArtifact(repository, { artifact, files: [name], folder: scratch, reporter });
  }
  return { folder: scratch, builtCommit: build.commit.sha, date: build.commit.date, run: build.run.url };
}

async function findReviewedBuild(
  repository: OpenedRepository,
  git: GitRepository,
  { pull, baseTip, config, release, run }: Reviewed,
): Promise<Build> {
  const build = await findBuild(repository, {
    head: pull.head.sha,
    sumsPath: pathInTree(git, config.sumsFile),
    names: [...release.sums.keys()],
    run,
  });
  verifyRun(build.run, repository.name);
  verifyJobs(build.run, build.jobs);
  await verifyBases(repository, build.run, pull);
  const ran = await readFileAt(repository, BUILD_WORKFLOW_PATH, build.run.commit);
  const base = await readFileAt(repository, BUILD_WORKFLOW_PATH, baseTip);
  verifyWorkflow(build.run.commit, pull.base.ref, ran, base);
  return build;
}

async function verifyDigests(context: Context, folder: string, { sums }: ReviewedRelease): Promise<void> {
  const { signal } = context.host;
  for (const [name, expected] of sums) {
    const { digest: actual } = await digestFile(join(folder, name), { signal });
    if (actual !== expected) throw otherBytes(name, { expected, actual }, rebuilds(context.options));
  }
}

function otherBytes(name: string, details: { expected: Digest; actual: Digest }, rebuilt: boolean): IntegrityError {
  const { expected, actual } = details;
  const what = `${name}, as it was ${rebuilt ? 're' : ''}built, has digest ${actual}; the approved commit pins ${expected}`;
  return new IntegrityError('DIGEST_MISMATCH', what, {
    hint: rebuilt
      ? 'a driver that does not give the same bytes twice cannot be rebuilt: open the pull request from this repository'
      : 'nothing was published: have the sums of the run that built it ("toolcrib fetch --run ID --sums") approved',
    details: { name, ...details },
  });
}

/** The sources are the pull request's; what signs is this job's workflow, where this is one. */
function sourceOf({ host, repository }: Context, { pull }: Reviewed, brought: Brought): PublishSource {
  const { builtCommit: commit, date, run } = brought;
  const own = buildSourceFromEnv(host.env);
  if (own !== undefined) return { ...own, commit, workflowCommit: own.commit, date };
  const workflow = run === null ? null : BUILD_WORKFLOW_PATH;
  return { repository: repository.url, workflow, ref: `refs/pull/${pull.number}/head`, commit, run, date };
}
