import { usesOf } from './actions.ts';
import { buildSteps } from './build-workflow.ts';
import { checkout, defaults, download, install, onlyIf, pathIn, setupNode, toolcrib, upload } from './steps.ts';
import {
  isGithubPackage,
  isOwnStore,
  matrixOf,
  quote,
  RELEASE_ENVIRONMENT,
  verifyPlainPaths,
  type WorkflowSettings,
} from './workflow-settings.ts';

/** Where the artifacts of a rebuild come, as seen from where commands run. */
const REBUILT = 'tool-support-rebuilt';
/** The branch it was dispatched from: the environment lets only the base branch through. */
const TRUSTED = '${{ github.sha }}';

/**
 * The text of `.github/workflows/promote-tool-support.yml`: publishes what a reviewed pull request built, when a
 * maintainer says so.
 * @throws UsageError `USAGE` for a path that a workflow cannot name.
 */
export function promoteWorkflow(settings: WorkflowSettings): string {
  verifyPlainPaths(settings);
  return `# Written by "toolcrib init --github". What it does, and what to set up on GitHub: docs/guides/ci.md of toolcrib.
name: Promote tool support

on:
  workflow_dispatch:
    inputs:
      pr:
        description: Number of the pull request
        type: string
        required: false
      run_id:
        description: Or the id of the run that built it
        type: string
        required: false
      rebuild:
        description: Build the approved commit again and compare (needed for pull requests of forks)
        type: boolean
        default: false

permissions: {}

# One at a time, and none is cut off in the middle of a publication.
concurrency:
  group: promote-tool-support
  cancel-in-progress: false

${defaults(settings)}
jobs:
${verifyJob(settings)}
${rebuildJob(settings)}
${promoteJob(settings)}`;
}

/** What the maintainer filled in, by the environment only. */
const INPUTS = {
  GITHUB_TOKEN: '${{ github.token }}',
  PR: '${{ inputs.pr }}',
  RUN_ID: '${{ inputs.run_id }}',
};

/** What the first job found. The reviewers of the environment let exactly that through, whatever was pushed since. */
const VERIFIED = {
  GITHUB_TOKEN: '${{ github.token }}',
  PR: '${{ needs.verify.outputs.pr }}',
  COMMIT: '${{ needs.verify.outputs.commit }}',
};

const trusted = (settings: WorkflowSettings): string =>
  [checkout(TRUSTED), setupNode(), install(settings, false)].join('');

/** Asks GitHub only: before the environment lets a job through, there are no credentials for stores and no signature. */
function verifyJob(settings: WorkflowSettings): string {
  const steps = [
    toolcrib(
      settings,
      'Verify the approval and the artifacts',
      'promote --pr "$PR" --run "$RUN_ID" --verify-only artifacts',
      {
        id: 'artifacts',
        condition: '${{ !inputs.rebuild }}',
        env: INPUTS,
      },
    ),
    toolcrib(settings, 'Verify the approval', 'promote --pr "$PR" --run "$RUN_ID" --verify-only approval', {
      id: 'approval',
      condition: '${{ inputs.rebuild }}',
      env: INPUTS,
    }),
  ];
  return `  verify:
    name: Verify what is to be promoted
    runs-on: ubuntu-24.04
    timeout-minutes: 30
    permissions:
      actions: read # the run and its artifacts
      contents: read
      issues: read # whether a pull request ever went into another branch
      pull-requests: read # the reviews
    outputs:
      pr: \${{ steps.artifacts.outputs.pr || steps.approval.outputs.pr }}
      commit: \${{ steps.artifacts.outputs.commit || steps.approval.outputs.commit }}
      run: \${{ steps.artifacts.outputs.run }}
      version: \${{ steps.artifacts.outputs.version || steps.approval.outputs.version }}
    steps:
${trusted(settings)}${steps.join('')}`;
}

/** Runs code of the pull request, so it has no secret and no right but to read. */
function rebuildJob(settings: WorkflowSettings): string {
  const { tool, targets, binaries } = settings;
  const artifact = `${tool}-\${{ matrix.target }}-v\${{ needs.verify.outputs.version }}`;
  return `  rebuild:
    name: Rebuild \${{ matrix.target }}
    needs: verify
    if: inputs.rebuild
    runs-on: \${{ matrix.runner }}
    timeout-minutes: 60
    permissions:
      contents: read
    strategy:
      fail-fast: false
      matrix:
        include:
${matrixOf(targets)}
    steps:
${buildSteps(settings, '${{ needs.verify.outputs.commit }}')}${upload(artifact, pathIn(binaries, artifact))}`;
}

function promoteJob(settings: WorkflowSettings): string {
  const { tool, folder } = settings;
  const env = { ...VERIFIED, ...credentialsFor(settings) };
  const found = { ...env, RUN_ID: '${{ needs.verify.outputs.run }}' };
  return `  promote:
    name: Attest and publish
    needs: [verify, rebuild]
    if: \${{ !cancelled() && needs.verify.result == 'success' && contains(fromJSON('["success", "skipped"]'), needs.rebuild.result) }}
    runs-on: ubuntu-24.04
    timeout-minutes: 60
    # Has required reviewers and is open to the base branch only: that is what makes this a matter of maintainers.
    environment: ${RELEASE_ENVIRONMENT}
    permissions:
      actions: read # the run and its artifacts
${permissionsFor(settings)}      id-token: write # the attestation is signed as this workflow
      issues: read # whether a pull request ever went into another branch
      pull-requests: read # the reviews
    steps:
${trusted(settings)}${loginSteps(settings)}${toolcrib(
    settings,
    'Promote',
    'promote --pr "$PR" --run "$RUN_ID" --commit "$COMMIT" --sign sigstore',
    { condition: '${{ !inputs.rebuild }}', env: found },
  )}${onlyIf('${{ inputs.rebuild }}', [download(`${tool}-*-v\${{ needs.verify.outputs.version }}`, pathIn(folder, REBUILT))])}${toolcrib(
    settings,
    'Promote what was rebuilt',
    `promote --pr "$PR" --rebuilt ${REBUILT} --commit "$COMMIT" --sign sigstore`,
    { condition: '${{ inputs.rebuild }}', env },
  )}`;
}

function permissionsFor({ stores, repository }: WorkflowSettings): string {
  const releases = stores.some(({ kind }) => kind === 'github') && !wantsGithubToken({ stores, repository });
  const packages = stores.filter(isGithubPackage);
  const own = packages.length > 0 && packages.every((store) => isOwnStore(store, repository));
  return [
    `      contents: ${releases ? 'write # the release' : 'read'}\n`,
    own ? '      packages: write # ghcr.io\n' : '',
  ].join('');
}

/** The token of a job is good for its own repository only. One that is good for another is used for all stores of GitHub. */
function wantsGithubToken({ stores, repository }: Pick<WorkflowSettings, 'stores' | 'repository'>): boolean {
  return stores.some((store) => store.kind === 'github' && !isOwnStore(store, repository));
}

/** Names of secrets of the environment, for the kinds of store that the project has. */
function credentialsFor({ stores, repository }: WorkflowSettings): Readonly<Record<string, string>> {
  const has = (kind: string): boolean => stores.some((store) => store.kind === kind);
  const origins = new Set(stores.flatMap((store) => (store.kind === 'http' ? [new URL(store.base).origin] : [])));
  return {
    ...(wantsGithubToken({ stores, repository }) && {
      TOOLCRIB_GITHUB_TOKEN: '${{ secrets.TOOLCRIB_GITHUB_TOKEN }}',
    }),
    ...(has('s3') && {
      AWS_ACCESS_KEY_ID: '${{ secrets.AWS_ACCESS_KEY_ID }}',
      AWS_SECRET_ACCESS_KEY: '${{ secrets.AWS_SECRET_ACCESS_KEY }}',
    }),
    ...(origins.size > 0 && {
      TOOLCRIB_HTTP_TOKEN: '${{ secrets.TOOLCRIB_HTTP_TOKEN }}',
      TOOLCRIB_HTTP_TOKEN_ORIGIN: [...origins].join(' '),
    }),
  };
}

/** Registries are logged in to: `~/.docker/config.json` is where toolcrib looks. */
function loginSteps({ stores, repository }: WorkflowSettings): string {
  const registries = stores.flatMap((store) => (store.kind === 'oci' ? [store] : []));
  return [...new Set(registries.map(({ host }) => host))]
    .map((host) => {
      const own = registries.every((store) => store.host !== host || isOwnStore(store, repository));
      return [
        `      - uses: ${usesOf('login')}`,
        '        with:',
        `          registry: ${quote(host)}`,
        `          username: \${{ ${own ? 'github.actor' : 'secrets.REGISTRY_USERNAME'} }}`,
        `          password: \${{ ${own ? 'github.token' : 'secrets.REGISTRY_PASSWORD'} }}`,
        '',
      ].join('\n');
    })
    .join('');
}
