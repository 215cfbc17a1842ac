import { UsageError } from '../../core/errors.ts';
import type { StoreReference } from '../../core/reference.ts';
import { formatTarget, type Target } from '../../core/target.ts';
import type { RepositoryAddress } from '../../github/repository.ts';

/** Names of the workflow files in `.github/workflows`. */
export const BUILD_WORKFLOW = 'build-tool-support.yml';
export const PROMOTE_WORKFLOW = 'promote-tool-support.yml';
export const WORKFLOW_FOLDER = '.github/workflows';

/** The protected environment that lets only maintainers promote. */
export const RELEASE_ENVIRONMENT = 'tool-support-release';

/** Where `ci sums` leaves the sums file and its patch, as seen from where commands run. */
export const SUMS_FOLDER = 'tool-support-sums';
/** The sums in that folder, and in the artifact that is made of it. */
export const SUMS_FILE = 'SHA256SUMS';
export const SUMS_PATCH = 'SHA256SUMS.patch';

/** What the artifact with the sums of a version is called. */
export function sumsArtifactName(tool: string, version: number | string): string {
  return `${tool}-v${version}-sums`;
}

/** The job that reports the required status: it fails for as long as the sums or the release are missing. */
export const REPORT_JOB = 'Tool support';
/** The job that writes the same on the pull request, where it may. */
export const COMMENT_JOB = 'Comment on the pull request';
/** The jobs that build nothing, but tell how the others ended. */
export const TELLING_JOBS: readonly string[] = [REPORT_JOB, COMMENT_JOB];

/** What the first of them hands on to the second: a file, and the artifact that is made of it. */
export const REPORT_FILE = 'tool-support-report.json';
export const REPORT_ARTIFACT = 'tool-support-report';

/** How a job gets toolcrib. */
export type Installation =
  /** It is in the lock file: `npm ci`, then that one. */
  | { readonly kind: 'locked' }
  /** npm brings exactly this version; with a lock file of npm, that is installed for the build. */
  | { readonly kind: 'pinned'; readonly version: string; readonly lockFile: boolean };

/** What the workflows of a project depend on. Paths are relative to the repository, with slashes; '' is its root. */
export interface WorkflowSettings {
  readonly tool: string;
  readonly targets: readonly Target[];
  readonly stores: readonly StoreReference[];
  /** Whose workflows these are; undefined when no remote tells it. */
  readonly repository: RepositoryAddress | undefined;
  readonly installation: Installation;
  /** Where commands run: the folder of the lock file, or of the project. */
  readonly folder: string;
  /** Path of `toolcrib.json` as seen from `folder`. */
  readonly config: string;
  /** Path of the binaries folder in the repository. */
  readonly binaries: string;
}

/** True for a store that the token of the repository's own jobs can be allowed to write to: its releases, or packages of its owner. */
export function isOwnStore(store: StoreReference, repository: RepositoryAddress | undefined): boolean {
  if (repository === undefined) return false;
  const { owner, repo, endpoint } = repository;
  if (store.kind === 'github') {
    const name = `${store.owner}/${store.repository}`;
    return isSameName(name, `${owner}/${repo}`) && store.endpoint === endpoint;
  }
  if (!isGithubPackage(store) || endpoint !== undefined) return false;
  return isSameName(store.repository.split('/')[0] ?? '', owner);
}

/** True for a repository in the registry of GitHub.com. */
export function isGithubPackage(store: StoreReference): store is Extract<StoreReference, { kind: 'oci' }> {
  return store.kind === 'oci' && store.host === GITHUB_PACKAGES;
}

/** The registry of GitHub.com. */
const GITHUB_PACKAGES = 'ghcr.io';

/** GitHub minds no case in names. */
const isSameName = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** The machine that builds a target, by its architecture: no emulation. */
export function runnerOf({ arch }: Target): string {
  return arch === 'amd64' ? 'ubuntu-24.04' : 'ubuntu-24.04-arm';
}

/** The targets in their written form, each with its machine, as entries of a matrix. */
export function matrixOf(targets: readonly Target[]): string {
  return targets
    .map((target) => `          - target: ${formatTarget(target)}\n            runner: ${runnerOf(target)}`)
    .join('\n');
}

/**
 * Refuses paths that mean something else to a workflow: patterns of `upload-artifact`, expressions, lines.
 * @throws UsageError `USAGE` naming the path.
 */
export function verifyPlainPaths({ folder, config, binaries }: WorkflowSettings): void {
  for (const path of [folder, config, binaries]) {
    if (path === '' || /^[\p{L}\p{N}._@+=,()/-]+(?: +[\p{L}\p{N}._@+=,()/-]+)*$/u.test(path)) continue;
    throw new UsageError('USAGE', `a workflow cannot name the path ${JSON.stringify(path)}`, {
      hint: 'rename the folder: letters, digits, blanks and . _ @ + = , ( ) - are fine',
      details: { path },
    });
  }
}

/** A text as a scalar of YAML that is read as that text and nothing else. */
export function quote(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
