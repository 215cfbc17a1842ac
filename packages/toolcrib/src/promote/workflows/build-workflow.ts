import {
  checkout,
  defaults,
  download,
  downloadOne,
  install,
  onlyIf,
  pathIn,
  setupNode,
  toolcrib,
  upload,
} from './steps.ts';
import {
  COMMENT_JOB,
  matrixOf,
  quote,
  REPORT_ARTIFACT,
  REPORT_FILE,
  REPORT_JOB,
  SUMS_FOLDER,
  sumsArtifactName,
  verifyPlainPaths,
  type WorkflowSettings,
} from './workflow-settings.ts';

/** The commit that a reviewer sees, not GitHub's merge of it: what is promoted was built from exactly that. */
const HEAD = '${{ github.event.pull_request.head.sha || github.sha }}';
/** What it is to be merged into: for a job that may write, nothing of the pull request is checked out. */
const BASE = '${{ github.event.pull_request.base.sha }}';
const VERSION = '${{ needs.detect.outputs.version }}';

/**
 * The text of `.github/workflows/build-tool-support.yml`: builds the tool of each pull request that changes it, and
 * reports one status that a branch can require.
 * @throws UsageError `USAGE` for a path that a workflow cannot name.
 */
export function buildWorkflow(settings: WorkflowSettings): string {
  verifyPlainPaths(settings);
  return `# Written by "toolcrib init --github". What it does, and what to set up on GitHub: docs/guides/ci.md of toolcrib.
name: Build tool support

# No path filter: a required check that is filtered out stays pending for ever. The job "detect" decides instead.
on:
  pull_request:
  workflow_dispatch:

permissions: {}

concurrency:
  group: build-tool-support-\${{ github.event.pull_request.number || github.ref }}
  cancel-in-progress: true

${defaults(settings)}
jobs:
${detectJob(settings)}
${buildJob(settings)}
${sumsJob(settings)}
${reportJob(settings)}
${commentJob(settings)}`;
}

function detectJob(settings: WorkflowSettings): string {
  return `  detect:
    name: Detect what changed
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read
    outputs:
      version: \${{ steps.check.outputs.version }}
      changed: \${{ steps.check.outputs.changed }}
      build: \${{ steps.check.outputs.build }}
    steps:
${prepared(settings, { history: true })}${toolcrib(settings, 'Check', 'check --json', {
    id: 'check',
    mayFail: 'The last job repeats it and reports; here it only says what has to be built.',
  })}`;
}

/** The job that makes one artifact on a machine of its own architecture. */
function buildJob(settings: WorkflowSettings): string {
  const { tool, targets, binaries } = settings;
  const artifact = `${tool}-\${{ matrix.target }}-v${VERSION}`;
  return `  build:
    name: Build \${{ matrix.target }}
    needs: detect
    if: needs.detect.outputs.build == 'true'
    runs-on: \${{ matrix.runner }}
    timeout-minutes: 60
    permissions:
      contents: read
    strategy:
      # Each architecture reports for itself; one that fails still fails the whole.
      fail-fast: false
      matrix:
        include:
${matrixOf(targets)}
    steps:
${buildSteps(settings, HEAD)}${upload(artifact, pathIn(binaries, artifact))}`;
}

/** Builds the artifact of the matrix' target from a commit, and proves that it runs. */
export function buildSteps(settings: WorkflowSettings, commit: string): string {
  const env = { TARGET: '${{ matrix.target }}' };
  return [
    checkout(commit),
    setupNode(),
    install(settings, true),
    toolcrib(settings, 'Build', 'build --target "$TARGET"', { env }),
    toolcrib(settings, 'Validate', 'ci validate --target "$TARGET"', { env }),
  ].join('');
}

function sumsJob(settings: WorkflowSettings): string {
  const { tool, binaries, folder } = settings;
  return `  sums:
    name: Compute SHA256SUMS
    needs: [detect, build]
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      contents: read
    steps:
${prepared(settings)}${download(`${tool}-*-v${VERSION}`, quote(binaries))}${toolcrib(
    settings,
    'Sums',
    `ci sums --output ${SUMS_FOLDER}`,
  )}${upload(sumsArtifactName(tool, VERSION), pathIn(folder, `${SUMS_FOLDER}/`))}`;
}

function reportJob(settings: WorkflowSettings): string {
  return `  report:
    # The status to require. It always reports, also when nothing had to be built.
    name: ${REPORT_JOB}
    needs: [detect, build, sums]
    if: always()
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      actions: read # links to the logs of the jobs
      contents: read
    steps:
${prepared(settings, { history: true })}${toolcrib(settings, 'Report', `ci report --output ${REPORT_FILE}`, {
    env: { GITHUB_TOKEN: '${{ github.token }}', TOOLCRIB_NEEDS: '${{ toJSON(needs) }}' },
  })}${onlyIf('${{ !cancelled() }}', [upload(REPORT_ARTIFACT, pathIn(settings.folder, REPORT_FILE))])}`;
}

/** Says yes when the base has toolcrib and a project: the pull request that brings them goes into one that has not. */
const BASE_HAS_TOOLCRIB = "${{ steps.base.outputs.toolcrib == 'true' }}";

function lookAtBase({ installation, folder, config }: WorkflowSettings): string {
  const locked = installation.kind === 'locked';
  const names = { PROJECT: config, ...(locked && { LOCK: 'package-lock.json', SHRINKWRAP: 'npm-shrinkwrap.json' }) };
  const pinned = locked ? ` && grep -qs '"node_modules/toolcrib"' "$LOCK" "$SHRINKWRAP"` : '';
  return `      - name: Look whether the base has toolcrib
        id: base
        working-directory: \${{ github.workspace }}
        run: |
          if test -f "$PROJECT"${pinned}; then
            echo "toolcrib=true" >> "$GITHUB_OUTPUT"
          else
            echo "The base has no toolcrib yet, so nothing is commented: see the job ${REPORT_JOB}."
          fi
        env:
${Object.entries(names)
  .map(([name, path]) => `          ${name}: ${pathIn(folder, path)}\n`)
  .join('')}`;
}

/** The jobs before it run what the pull request checked in; this one has a right to write, and runs the base's. */
function commentJob(settings: WorkflowSettings): string {
  const folder = `\${{ runner.temp }}/${REPORT_ARTIFACT}`;
  return `  comment:
    name: ${COMMENT_JOB}
    needs: report
    if: \${{ !cancelled() && github.event_name == 'pull_request' }}
    runs-on: ubuntu-24.04
    timeout-minutes: 15
    permissions:
      actions: read # links to the logs of the jobs
      contents: read
      pull-requests: write # the comment; pull requests of forks get no such token
    steps:
${checkout(BASE)}${lookAtBase(settings)}${onlyIf(BASE_HAS_TOOLCRIB, [
    setupNode(),
    install(settings, false),
    downloadOne(REPORT_ARTIFACT, folder),
    toolcrib(settings, 'Comment', 'ci comment --report "$REPORT"', {
      env: {
        GITHUB_TOKEN: '${{ github.token }}',
        REPORT: `${folder}/${REPORT_FILE}`,
        TOOLCRIB_PULL_REQUEST: '${{ github.event.pull_request.number }}',
      },
    }),
  ])}`;
}

/** The checked out commit and toolcrib, without running anything of the project's dependencies. */
function prepared(settings: WorkflowSettings, options: { readonly history?: boolean } = {}): string {
  return [checkout(HEAD, options), setupNode(), install(settings, false)].join('');
}
