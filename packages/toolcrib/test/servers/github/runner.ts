/*
 * Plays the part of GitHub's runners: runs the jobs of a workflow in order, each in a folder of its own, with the very
 * commands of its `run:` steps. Actions of others are played too: a checkout is one from a bare repository, artifacts are
 * kept in the state of the stand-in for GitHub. `npx … toolcrib` starts the bundled command line; `npm ci` does nothing.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { cliEnvironment, TOOLCRIB } from '../../integration/cli/command-line.ts';
import type { Job, Step, Workflow } from '../../unit/workflows/workflow-document.ts';
import { zipOf, type StoredRun } from './actions-state.ts';
import { evaluate, interpolate, isTrue, type Contexts } from './expressions.ts';
import { isObject, type Json } from './json-schema.ts';

/** One run of a workflow. */
export interface RunnerOptions {
  readonly workflow: Workflow;
  /** Gets the jobs as they end, and the artifacts. */
  readonly run: StoredRun;
  /** Path of the bare repository. */
  readonly origin: string;
  /** A folder for everything that the run needs. */
  readonly folder: string;
  /** Contexts of expressions besides `needs`, `steps`, `matrix` and `github.token`. */
  readonly contexts: Contexts & { readonly github: Contexts };
  /** Variables of every step, as GitHub sets them. */
  readonly env: Readonly<Record<string, string>>;
  /** Secrets by the name of the environment that has them; no other job gets them. */
  readonly environments?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The token of a job with these permissions, and what else such a job may know. */
  readonly grant: (permissions: Readonly<Record<string, string>>) => {
    readonly token: string;
    readonly env: Readonly<Record<string, string>>;
  };
}

/** How a job ended; one of a matrix is one. */
export interface EndedJob {
  readonly id: string;
  readonly name: string;
  readonly result: 'success' | 'failure' | 'skipped';
  /** What its steps said, each command first. */
  readonly log: string;
  /** What it wrote into step summaries. */
  readonly summary: string;
}

interface JobEnd {
  readonly result: EndedJob['result'];
  readonly outputs: Contexts;
}

/** Runs a workflow to its end. */
export async function runWorkflow(options: RunnerOptions): Promise<readonly EndedJob[]> {
  const ends = new Map<string, JobEnd>();
  const ended: EndedJob[] = [];
  await mkdir(join(options.folder, 'bin'), { recursive: true });
  const [program = '', ...first] = TOOLCRIB;
  const command = [program, ...first].map((word) => `'${word}'`).join(' ');
  const skip = 'while :; do case "$1" in toolcrib|toolcrib@*) shift; break;; "") exit 127;; esac; shift; done';
  const shim = (name: string, text: string) =>
    writeFile(join(options.folder, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  await Promise.all([shim('npx', `${skip}\nexec ${command} "$@"`), shim('npm', 'test "$1" = ci')]);
  for (const [id, job] of Object.entries(options.workflow.jobs)) {
    const needs = needsOf(job, ends);
    if (!isWanted(job, needs, options.contexts)) {
      ends.set(id, { result: 'skipped', outputs: {} });
      record(options.run, ended, { id, name: job.name, result: 'skipped', log: '', summary: '' });
      continue;
    }
    const parts: JobEnd[] = [];
    for (const matrix of matrixOf(job)) {
      const place = { ...options, contexts: { ...options.contexts, needs, matrix } };
      const { end, ...told } = await runJob(id, job, place);
      record(options.run, ended, { id, ...told, result: end.result });
      parts.push(end);
    }
    const failed = parts.some(({ result }) => result === 'failure');
    ends.set(id, { result: failed ? 'failure' : 'success', outputs: parts[0]?.outputs ?? {} });
  }
  options.run.status = 'completed';
  options.run.conclusion = [...ends.values()].some(({ result }) => result === 'failure') ? 'failure' : 'success';
  return ended;
}

function record(run: StoredRun, ended: EndedJob[], job: EndedJob): void {
  ended.push(job);
  run.jobs.push({ name: job.name, conclusion: job.result });
}

function needsOf({ needs = [] }: Job, ends: ReadonlyMap<string, JobEnd>): Contexts {
  const ids = typeof needs === 'string' ? [needs] : needs;
  return Object.fromEntries(
    ids.map((id): [string, Contexts] => {
      const { result = 'skipped', outputs = {} } = ends.get(id) ?? {};
      return [id, { result, outputs }];
    }),
  );
}

/** A condition that says nothing of how earlier jobs ended means that they have to have ended well. */
function isWanted({ if: condition = '' }: Job, needs: Contexts, contexts: Contexts): boolean {
  const text = condition.replace(/^\$\{\{(.*)\}\}$/s, '$1');
  const isOpen = ENDS.test(text);
  const allWell = Object.values(needs).every((need) => isObject(need) && need['result'] === 'success');
  if (!isOpen && !allWell) return false;
  return text === '' || isTrue(evaluate(text, { ...contexts, needs }));
}

/** As with jobs: what ran before has to have ended well, unless the condition says something of that. */
function isWantedStep({ if: condition = '' }: Step, failed: boolean, contexts: Contexts): boolean {
  const text = condition.replace(/^\$\{\{(.*)\}\}$/s, '$1');
  if (failed && !ENDS.test(text)) return false;
  return text === '' || isTrue(evaluate(text, contexts));
}

/** Functions that say how what ran before ended. */
const ENDS = /\b(?:always|cancelled|failure)\(\)/;

function matrixOf({ strategy }: Job): readonly Contexts[] {
  const matrix = isObject(strategy) ? strategy['matrix'] : undefined;
  const include = isObject(matrix) ? matrix['include'] : undefined;
  return Array.isArray(include) ? include.filter(isObject) : [{}];
}

type Place = RunnerOptions;

async function runJob(
  id: string,
  job: Job,
  place: Place,
): Promise<{ readonly name: string; readonly log: string; readonly summary: string; readonly end: JobEnd }> {
  const folder = await mkdtemp(join(place.folder, `${id}-`));
  const workspace = join(folder, 'workspace');
  await mkdir(workspace);
  const granted = place.grant(job.permissions);
  const steps: Record<string, Contexts> = {};
  const contexts: Contexts = {
    ...place.contexts,
    github: { ...place.contexts.github, token: granted.token },
    runner: { temp: join(folder, 'temp') },
    secrets: place.environments?.[job.environment ?? ''] ?? {},
    steps,
  };
  const state = { log: '', summary: '', failed: false };
  for (const step of job.steps) {
    if (!isWantedStep(step, state.failed, contexts)) continue;
    const end = await runStep(step, { place, folder, workspace, contexts, granted: granted.env });
    state.log += end.log;
    state.summary += end.summary;
    if (step.id !== undefined) steps[step.id] = { outputs: end.outputs };
    if (!end.ok && !step['continue-on-error']) state.failed = true;
  }
  const outputs = Object.fromEntries(
    Object.entries(job.outputs).map(([name, text]): [string, string] => [name, interpolate(text, contexts)]),
  );
  const result = state.failed ? 'failure' : 'success';
  return { name: interpolate(job.name, contexts), log: state.log, summary: state.summary, end: { result, outputs } };
}

interface StepPlace {
  readonly place: Place;
  readonly folder: string;
  readonly workspace: string;
  readonly contexts: Contexts;
  readonly granted: Readonly<Record<string, string>>;
}

interface StepEnd {
  readonly ok: boolean;
  readonly log: string;
  readonly summary: string;
  readonly outputs: Contexts;
}

const DONE: StepEnd = { ok: true, log: '', summary: '', outputs: {} };

async function runStep(step: Step, at: StepPlace): Promise<StepEnd> {
  if (step.run !== undefined) return await runCommand(step.run, step, at);
  const given = Object.fromEntries(
    Object.entries(step.with).map(([name, value]): [string, string] => [name, interpolate(String(value), at.contexts)]),
  );
  switch (step.uses?.split('@')[0]) {
    case 'actions/checkout':
      return await checkOut(given, at);
    case 'actions/setup-node':
      return DONE;
    case 'docker/login-action':
      return await logIn(given, at);
    case 'actions/upload-artifact':
      return await upload(given, at);
    case 'actions/download-artifact':
      return await download(given, at);
    default:
      throw new Error(`an action that this stand-in does not know: ${step.uses ?? 'none'}`);
  }
}

async function runCommand(command: string, step: Step, at: StepPlace): Promise<StepEnd> {
  const { place, folder, workspace, contexts, granted } = at;
  const [output, summary] = [join(folder, 'output'), join(folder, 'summary')];
  await Promise.all([writeFile(output, ''), writeFile(summary, '')]);
  const own = Object.entries(step.env).map(([name, text]): [string, string] => [name, interpolate(text, contexts)]);
  const env: Record<string, string> = {
    ...cliEnvironment(folder, place.env),
    ...granted,
    ...Object.fromEntries(own),
    GITHUB_OUTPUT: output,
    GITHUB_STEP_SUMMARY: summary,
  };
  // Of steps, only those name a folder that run at the top of the workspace.
  const inside = step['working-directory'] === undefined ? place.workflow.defaults.run['working-directory'] : undefined;
  const cwd = join(workspace, inside ?? '');
  const path = `${join(place.folder, 'bin')}:${env['PATH'] ?? ''}`;
  const end = await sh(command, { cwd, env: { ...env, PATH: path } });
  return {
    ok: end.code === 0,
    log: `$ ${command}\n${end.said}`,
    summary: await readFile(summary, 'utf8'),
    outputs: outputsIn(await readFile(output, 'utf8')),
  };
}

async function sh(
  command: string,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', command], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  await once(child, 'close');
  return { code: child.exitCode, said };
}

/** `NAME=VALUE` lines; toolcrib writes no others here. */
function outputsIn(text: string): Contexts {
  const lines = text.split('\n').filter((line) => line.includes('='));
  return Object.fromEntries(
    lines.map((line): [string, Json] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** As much of the history as was asked for. */
async function checkOut(
  given: Readonly<Record<string, string>>,
  { place, folder, workspace }: StepPlace,
): Promise<StepEnd> {
  const { ref = '' } = given;
  const url = `file://${place.origin}`;
  const history = given['fetch-depth'] === '0' ? `'+refs/heads/*:refs/remotes/origin/*' ${ref}` : `--depth 1 ${ref}`;
  const command = `git init -q . && git remote add origin ${url} && git fetch -q origin ${history} && git checkout -q --detach ${ref}`;
  const end = await sh(command, { cwd: workspace, env: cliEnvironment(folder) });
  return { ...DONE, ok: end.code === 0, log: `checked out ${ref}\n${end.said}` };
}

/** As `docker login` without a credential store. */
async function logIn(given: Readonly<Record<string, string>>, { folder }: StepPlace): Promise<StepEnd> {
  const { registry = '', username = '', password = '' } = given;
  if (username === '' || password === '') return { ...DONE, ok: false, log: 'Username and password required\n' };
  const path = join(folder, '.docker', 'config.json');
  await mkdir(dirname(path), { recursive: true });
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  await writeFile(path, JSON.stringify({ auths: { [registry]: { auth } } }), { mode: 0o600 });
  return DONE;
}

async function upload(given: Readonly<Record<string, string>>, { place, workspace }: StepPlace): Promise<StepEnd> {
  const { name = '', path = '' } = given;
  const from = join(workspace, path);
  const isFolder = await stat(from).then(
    (stats) => stats.isDirectory(),
    () => undefined,
  );
  if (isFolder === undefined) return { ...DONE, ok: false, log: `No files were found: ${path}\n` };
  const paths = isFolder ? (await readdir(from)).map((file) => join(from, file)) : [from];
  const files: Record<string, Buffer> = {};
  for (const file of paths) files[basename(file)] = await readFile(file);
  const { artifacts, id } = place.run;
  keptOf(place.run).set(name, files);
  artifacts.push({ id: id * 100 + artifacts.length, name, zip: await zipOf(files), expired: false });
  return DONE;
}

type Kept = Map<string, Readonly<Record<string, Buffer>>>;

/** What is in the artifacts of a run, by name: unpacking them is not what is tested here. Ids are only unique on one stage. */
const kept = new WeakMap<StoredRun, Kept>();

function keptOf(run: StoredRun): Kept {
  const files: Kept = kept.get(run) ?? new Map<string, Readonly<Record<string, Buffer>>>();
  kept.set(run, files);
  return files;
}

async function download(given: Readonly<Record<string, string>>, { place, workspace }: StepPlace): Promise<StepEnd> {
  const { name: only, pattern = only ?? '', path = '' } = given;
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+]/g, String.raw`\$&`));
  const matches = new RegExp(`^${parts.join('.*')}$`);
  const found = place.run.artifacts.filter((artifact) => matches.test(artifact.name));
  if (only !== undefined && found.length === 0) return { ...DONE, ok: false, log: `Artifact not found: ${only}\n` };
  for (const { name } of found) {
    for (const [file, bytes] of Object.entries(keptOf(place.run).get(name) ?? {})) {
      const to = join(resolve(workspace, path), file);
      await mkdir(dirname(to), { recursive: true });
      await writeFile(to, bytes);
    }
  }
  return DONE;
}
