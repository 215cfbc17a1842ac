import fc from 'fast-check';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { formatTarget } from '../../../src/core/target.ts';
import { ACTIONS } from '../../../src/promote/workflows/actions.ts';
import { buildWorkflow } from '../../../src/promote/workflows/build-workflow.ts';
import { promoteWorkflow } from '../../../src/promote/workflows/promote-workflow.ts';
import {
  BUILD_WORKFLOW,
  PROMOTE_WORKFLOW,
  quote,
  type WorkflowSettings,
} from '../../../src/promote/workflows/workflow-settings.ts';
import { scratchProject } from '../cli/scratch-project.ts';
import { failureOf } from '../core/failure.ts';
import { lintWorkflow, parseAsGithub } from './github-parsers.ts';
import { sampleSettings } from './sample-settings.ts';
import { readWorkflow, type Job, type Step, type Workflow } from './workflow-document.ts';

const PINNED: WorkflowSettings['installation'] = { kind: 'pinned', version: '1.2.3', lockFile: false };
const STORES = ['s3://bucket/x', 'github:o/r', 'oci://ghcr.io/o/r', 'oci://r.example/x', 'https://s.example/y'];

const CONFIGURATIONS: readonly (readonly [string, WorkflowSettings])[] = [
  ['a lock file', sampleSettings()],
  ['every kind of store', sampleSettings({ stores: STORES })],
  ['a pinned version', sampleSettings({ installation: { kind: 'pinned', version: '1.2.3', lockFile: false } })],
  [
    'a lock file without toolcrib',
    sampleSettings({ installation: { kind: 'pinned', version: '1.2.3', lockFile: true } }),
  ],
  ['one target', sampleSettings({ targets: ['amd64'] })],
  [
    'six targets',
    sampleSettings({ targets: ['amd64', 'amd64-musl', 'amd64-any', 'arm64', 'arm64-musl', 'arm64-any'] }),
  ],
  ['a workspace', sampleSettings({ config: 'packages/x/toolcrib.json', binaries: 'packages/x/binaries' })],
  ['a folder with blanks', sampleSettings({ folder: 'a b/ö', binaries: 'a b/ö/binaries' })],
];

const FILES = [
  [BUILD_WORKFLOW, buildWorkflow],
  [PROMOTE_WORKFLOW, promoteWorkflow],
] as const;

const both = (settings: WorkflowSettings): readonly Workflow[] =>
  FILES.map(([, workflow]) => readWorkflow(workflow(settings)));
const stepsOf = (workflow: Workflow): readonly Step[] => Object.values(workflow.jobs).flatMap(({ steps }) => steps);

describe.each(FILES)('%s', (name, workflow) => {
  test.each(CONFIGURATIONS)("passes actionlint and GitHub's own parser: %s", async (_, settings) => {
    const text = workflow(settings);
    expect(await lintWorkflow(name, text)).toEqual([]);
    const verdict = await parseAsGithub(name, text);
    expect(verdict.problems).toEqual([]);
    expect(verdict.jobs).toEqual(Object.keys(readWorkflow(text).jobs));
  });

  test.each(CONFIGURATIONS)('runs nothing but the command line, after installing it: %s', (_, settings) => {
    // But for one look whether the base has a command line at all, which is tried below.
    const steps = stepsOf(readWorkflow(workflow(settings))).filter(({ id }) => id !== 'base');
    const commands = steps.flatMap(({ run }) => run ?? []);
    expect(commands.length).toBeGreaterThan(4);
    for (const command of commands) {
      expect(command).toMatch(/^(?:npm ci(?: --ignore-scripts)?$|npx --(?:no -- toolcrib|yes -- toolcrib@1\.2\.3) )/);
      expect(command).not.toContain('\n');
    }
  });

  test.each(CONFIGURATIONS)(
    'names the configuration, so that no other one is found in its place: %s',
    (_, settings) => {
      const steps = stepsOf(readWorkflow(workflow(settings))).filter(({ run }) => run?.startsWith('npx '));
      expect(steps.length).toBeGreaterThan(3);
      for (const { run, env } of steps) {
        expect(run).toMatch(/ toolcrib(?:@1\.2\.3)? --config "\$CONFIG" /);
        expect(env['CONFIG']).toBe(settings.config);
      }
    },
  );

  test.each(CONFIGURATIONS)('never puts an expression into a command: %s', (_, settings) => {
    const commands = stepsOf(readWorkflow(workflow(settings))).flatMap(({ run }) => run ?? []);
    expect(commands.filter((command) => command.includes('${{'))).toEqual([]);
  });

  test('uses actions of others by the full hash of a commit, each with the tag that it had', () => {
    const text = workflow(sampleSettings({ stores: STORES }));
    const uses = [...text.matchAll(/uses: (?<action>\S+)@(?<commit>\S+) # (?<tag>\S+)/g)].map(({ groups }) => groups);
    expect(uses).toHaveLength(text.split('uses:').length - 1);
    for (const { action, commit, tag } of uses.map((groups) => ({ ...groups }))) {
      expect(commit).toMatch(/^[0-9a-f]{40}$/);
      expect(Object.values(ACTIONS)).toContainEqual({ name: action, commit, tag });
    }
  });

  test('gives no right that no job asked for, to write only where it is needed, and every job a time to end', () => {
    const { permissions, jobs } = readWorkflow(workflow(sampleSettings()));
    expect(permissions).toEqual({});
    const writes = Object.entries(jobs).flatMap(([id, job]) =>
      Object.entries(job.permissions).flatMap(([right, value]) => (value === 'write' ? [`${id}: ${right}`] : [])),
    );
    expect(writes).toEqual(name === BUILD_WORKFLOW ? ['comment: pull-requests'] : ['promote: id-token']);
    expect(Object.values(jobs).every((job) => job['timeout-minutes'] <= 60)).toBe(true);
  });

  test('leaves no token in a checked out folder, and caches nothing', () => {
    for (const { uses = '', with: given } of stepsOf(readWorkflow(workflow(sampleSettings())))) {
      if (uses.startsWith('actions/checkout@')) expect(given['persist-credentials']).toBe(false);
      if (uses.startsWith('actions/setup-node@')) expect(given['package-manager-cache']).toBe(false);
    }
  });

  test('gives tokens and secrets to no step that installs or builds', () => {
    const { jobs } = readWorkflow(workflow(sampleSettings({ stores: STORES })));
    for (const step of Object.values(jobs).flatMap(({ steps }) => steps)) {
      const secret = JSON.stringify(step).match(/secrets\.|github\.token/);
      if (secret !== null)
        expect(step.run ?? step.uses).toMatch(/ promote | ci report | ci comment |^docker\/login-action@/);
    }
  });
});

describe(BUILD_WORKFLOW, () => {
  const workflow = readWorkflow(buildWorkflow(sampleSettings()));
  const job = (id: string): Job => {
    const found = workflow.jobs[id];
    if (found === undefined) throw new Error(`no job ${id}`);
    return found;
  };

  test('runs on every pull request and on demand, without a filter: a filtered check stays pending', () => {
    expect(workflow.on).toEqual({ pull_request: null, workflow_dispatch: null });
  });

  test('builds each target on a machine of its architecture, and each reports though another failed', () => {
    const { strategy } = job('build');
    expect(strategy).toEqual({
      'fail-fast': false,
      matrix: {
        include: [
          { target: 'amd64-any', runner: 'ubuntu-24.04' },
          { target: 'arm64-any', runner: 'ubuntu-24.04-arm' },
        ],
      },
    });
  });

  const refsOf = ({ steps }: Job): ReadonlySet<unknown> => new Set(steps.flatMap((step) => step.with['ref'] ?? []));

  test('builds the commit that is reviewed, not the merge that GitHub makes of it', () => {
    for (const id of ['detect', 'build', 'sums', 'report']) {
      expect(refsOf(job(id))).toEqual(new Set(['${{ github.event.pull_request.head.sha || github.sha }}']));
    }
  });

  test('runs nothing of the pull request where it may write: that job has the base, and a file outside of it', () => {
    const comment = job('comment');
    expect(refsOf(comment)).toEqual(new Set(['${{ github.event.pull_request.base.sha }}']));
    expect(comment.steps.slice(2).flatMap(({ run }) => run ?? [])).toEqual([
      'npm ci --ignore-scripts',
      'npx --no -- toolcrib --config "$CONFIG" ci comment --report "$REPORT"',
    ]);
    const [download] = comment.steps.filter(({ uses = '' }) => uses.startsWith('actions/download-artifact@'));
    expect(download?.with).toEqual({ name: 'tool-support-report', path: '${{ runner.temp }}/tool-support-report' });
    expect(comment.steps.at(-1)?.env['REPORT']).toBe('${{ runner.temp }}/tool-support-report/tool-support-report.json');
  });

  test.each<[string, Parameters<typeof sampleSettings>[0], Readonly<Record<string, string>>, boolean]>([
    ['has nothing', {}, {}, false],
    ['has a project, and no lock file', {}, { 'toolcrib.json': '{}' }, false],
    ['locks something else', {}, { 'toolcrib.json': '{}', 'package-lock.json': '{"packages":{}}' }, false],
    ['locks toolcrib', {}, { 'toolcrib.json': '{}', 'package-lock.json': '{"node_modules/toolcrib":{}}' }, true],
    [
      'locks it by its other name',
      {},
      { 'toolcrib.json': '{}', 'npm-shrinkwrap.json': '{"node_modules/toolcrib":{}}' },
      true,
    ],
    [
      'locks it in another folder',
      { folder: 'a b' },
      { 'toolcrib.json': '{}', 'package-lock.json': '{"node_modules/toolcrib":{}}' },
      false,
    ],
    ['has no folder of that name', { folder: 'a b', installation: PINNED }, {}, false],
    [
      'has a project, and npm brings toolcrib',
      { folder: 'a b', installation: PINNED },
      { 'a b/toolcrib.json': '{}' },
      true,
    ],
  ])('comments only when the base has what comments, and passes else: it %s', async (_, more, files, comments) => {
    const { steps } = readWorkflow(buildWorkflow(sampleSettings(more))).jobs['comment'] ?? { steps: [] };
    const [checkout, look, ...others] = steps;
    expect([checkout?.if, look?.if, look?.['working-directory']]).toEqual([
      undefined,
      undefined,
      '${{ github.workspace }}',
    ]);
    expect(new Set(others.map((step) => step.if))).toEqual(new Set(["${{ steps.base.outputs.toolcrib == 'true' }}"]));
    await using project = await scratchProject({ ...files, output: '' });
    const { folder } = project;
    const env = { ...look?.env, PATH: process.env['PATH'], GITHUB_OUTPUT: join(folder, 'output') };
    const { stdout } = await promisify(execFile)('bash', ['-eo', 'pipefail', '-c', look?.run ?? 'false'], {
      cwd: folder,
      env,
    });
    expect(await readFile(env.GITHUB_OUTPUT, 'utf8')).toBe(comments ? 'toolcrib=true\n' : '');
    expect(stdout.includes('has no toolcrib yet')).toBe(!comments);
  });

  test('always reports, knowing how every job that builds ended, and needs no right to write for that', () => {
    expect(job('report')).toMatchObject({ if: 'always()', needs: ['detect', 'build', 'sums'], name: 'Tool support' });
    expect(job('report').permissions).toEqual({ actions: 'read', contents: 'read' });
    expect(job('comment').needs).toBe('report');
    expect(Object.keys(workflow.jobs).slice(-2)).toEqual(['report', 'comment']);
  });

  test('keeps what it built for 90 days, under the name of the artifact', () => {
    const uploads = stepsOf(workflow).filter(({ uses = '' }) => uses.startsWith('actions/upload-artifact@'));
    expect(uploads.map((step) => step.with['retention-days'])).toEqual([90, 90, 90]);
    expect(uploads[0]?.with['name']).toBe('demo-${{ matrix.target }}-v${{ needs.detect.outputs.version }}');
  });
});

describe(PROMOTE_WORKFLOW, () => {
  const jobsWith = (...stores: string[]) => readWorkflow(promoteWorkflow(sampleSettings({ stores }))).jobs;

  test('starts by hand only, and publishes only from the protected environment', () => {
    const { on, jobs } = readWorkflow(promoteWorkflow(sampleSettings()));
    expect(Object.keys(on)).toEqual(['workflow_dispatch']);
    expect(jobs['promote']).toMatchObject({ environment: 'tool-support-release' });
    expect(jobs['verify']?.environment ?? jobs['rebuild']?.environment).toBeUndefined();
  });

  test('binds the token of HTTP stores to the servers that the project had when it was written', () => {
    const { promote } = jobsWith(...STORES, 'https://s.example/z', 'https://t.example:8443/y');
    const commands = (promote?.steps ?? []).filter(({ run = '' }) => run.includes(' promote '));
    expect(commands).toHaveLength(2);
    for (const { env } of commands)
      expect(env).toMatchObject({ TOOLCRIB_HTTP_TOKEN_ORIGIN: 'https://s.example https://t.example:8443' });
  });

  test('runs code of the pull request only in a job that can read and nothing else', () => {
    const { rebuild } = jobsWith(...STORES);
    expect(rebuild?.permissions).toEqual({ contents: 'read' });
    expect(JSON.stringify(rebuild)).not.toMatch(/secrets\.|github\.token/);
  });

  test('publishes exactly the pull request, commit and run that were verified before the environment was approved', () => {
    const { verify, promote } = jobsWith();
    expect(verify?.outputs).toMatchObject({
      commit: '${{ steps.artifacts.outputs.commit || steps.approval.outputs.commit }}',
      run: '${{ steps.artifacts.outputs.run }}',
    });
    const commands = (promote?.steps ?? []).filter(({ run = '' }) => run.includes(' promote '));
    expect(commands).toHaveLength(2);
    for (const { run, env } of commands) {
      expect(run).toContain('--commit "$COMMIT"');
      expect(env).toMatchObject({
        COMMIT: '${{ needs.verify.outputs.commit }}',
        PR: '${{ needs.verify.outputs.pr }}',
        ...(!run?.includes('--rebuilt') && { RUN_ID: '${{ needs.verify.outputs.run }}' }),
      });
    }
    expect(JSON.stringify(promote)).not.toMatch(/inputs\.(?:pr|run_id)/);
  });

  test.each([
    ['github:o/r', { contents: 'write' }],
    ['oci://ghcr.io/o/r', { contents: 'read', packages: 'write' }],
    ['s3://bucket', { contents: 'read' }],
  ])('asks for the rights that %s needs', (store, rights) => {
    expect(jobsWith(store)['promote']?.permissions).toEqual({
      ...{ actions: 'read', 'id-token': 'write', issues: 'read', 'pull-requests': 'read' },
      ...rights,
    });
  });
});

describe('whatever a project is called', () => {
  const words = fc.array(fc.stringMatching(/^[a-z0-9]{1,8}$/), { minLength: 1, maxLength: 3 });
  const plain = fc.stringMatching(/^[A-Za-z0-9éß._@+=,()/-]{1,6}( [A-Za-z0-9éß._@+=,()/-]{1,6}){0,2}$/);
  const path = fc.oneof(plain, plain, fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }));

  test('its workflows are the same but for the names, or are refused for a path', () => {
    const jobs = both(sampleSettings()).map((workflow) => Object.keys(workflow.jobs));
    let written = 0;
    fc.assert(
      fc.property(words, path, path, (tool, folder, config) => {
        const settings = sampleSettings({ tool: tool.join('-'), folder, config, binaries: `${folder}/b` });
        if (isRefused(() => both(settings))) return;
        written += 1;
        const workflows = both(settings);
        expect(workflows.map((workflow) => Object.keys(workflow.jobs))).toEqual(jobs);
        expect(workflows.map((workflow) => workflow.defaults.run['working-directory'])).toEqual([folder, folder]);
        const named = workflows.flatMap(stepsOf).flatMap((step) => step.env['CONFIG'] ?? []);
        expect(new Set(named)).toEqual(new Set([config]));
        expect(JSON.stringify([folder, config])).not.toContain('${{');
      }),
    );
    expect(written).toBeGreaterThan(20);
  });

  test.each(['a${{ github.token }}', 'a\nb', 'a*', '!a', '~', 'a#b', 'a"b', "a'b", ' a', 'a '])(
    'a folder %j, which means something else to a workflow, is refused by its name',
    (folder) => {
      expect(failureOf(() => buildWorkflow(sampleSettings({ folder }))).message).toContain(JSON.stringify(folder));
    },
  );

  test('a text between quotes is read as that text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parse(`a: ${quote(text)} # comment`)).toEqual({ a: text });
      }),
    );
  });

  test('a target is written as in names', () => {
    const { jobs } = readWorkflow(buildWorkflow(sampleSettings({ targets: ['amd64-musl'] })));
    const [target] = sampleSettings({ targets: ['amd64-musl'] }).targets.map(formatTarget);
    expect(JSON.stringify(jobs['build']?.strategy)).toContain(`"target":"${target ?? ''}"`);
  });
});

/** True when a call ends with an error that blames what it was given. */
function isRefused(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch {
    return failureOf(call).code === 'USAGE';
  }
}
