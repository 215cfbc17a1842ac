import { eachOf, outcomeOf, type Outcome } from '../core/each-of.ts';
import type { LabelledContainers } from '../sandboxes/docker/list-containers.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { Host } from './host.ts';
import { injectFrom, type InjectedTool, type PlacingOptions } from './inject-tool.ts';
import type { BuildDialogue } from './local-builder.ts';
import { openSandbox } from './open-sandbox.ts';
import { planFrom, type InjectionPlan } from './plan-injection.ts';
import type { Project } from './project.ts';
import { progressOfAll } from './progress-of-all.ts';
import { openSource, shareSource, type Dialogue } from './tool-source.ts';

/** Which sandboxes, and how many of them at the same time. */
export interface ManyOptions {
  /** References, in the order in which the results come. A container that is named twice is injected once. */
  readonly sandboxes: readonly string[];
  /** Also the running containers of an engine that have a label, by name. */
  readonly labelled?: LabelledContainers | undefined;
  /** How many sandboxes at the same time, at least 1; default: {@link DEFAULT_JOBS}. */
  readonly jobs?: number | undefined;
}

/** What became of one of several sandboxes; `sandbox` is its reference, as it was given first. */
export type ManyResult<T> = { readonly sandbox: string } & Outcome<T>;

/** More than this many at once gain nothing: an engine writes and reads all of them through the same disk and cores. */
export const DEFAULT_JOBS = 4;

/**
 * As `injectTool` for each of several sandboxes, which may need different targets: each artifact is resolved, verified and
 * unpacked once for all, and at most one question whether to build is asked. A sandbox that fails does not stop the others.
 * @returns in the order given, one for each sandbox that there really is.
 * @throws for what concerns all of them: as `flows/install-state.ts`; NotFoundError `SANDBOX_NOT_FOUND` when no container has
 * the label; the signal's reason, when what was begun is taken away.
 */
export async function injectMany(
  project: Project,
  host: Host,
  options: ManyOptions & PlacingOptions & Dialogue,
): Promise<readonly ManyResult<InjectedTool>[]> {
  const dialogue = options.dialogue && askOnce(options.dialogue);
  const source = shareSource(await openSource(project, host, { dialogue }), host.signal);
  const references = await referencesOf(host, options);
  const progress = progressOfAll(host.reporter, references.length);
  const inject = async (sandbox: Sandbox): Promise<InjectedTool> => {
    const one = progress.of(sandbox.reference);
    try {
      return await injectFrom(source, sandbox, { ...host, reporter: one.reporter }, options);
    } finally {
      one.end();
    }
  };
  const many = { host, references, jobs: options.jobs };
  const results = await forEachSandbox(many, inject).finally(() => progress.end());
  return results.map((result) => {
    if ('error' in result) return result;
    const { sandbox, value } = result; // it may have been reached by another name
    return { sandbox, value: { ...value, placement: { ...value.placement, sandbox } } };
  });
}

/** As `planInjection` for each of several sandboxes: see {@link injectMany}. */
export async function planMany(
  project: Project,
  host: Host,
  options: ManyOptions & PlacingOptions,
): Promise<readonly ManyResult<InjectionPlan>[]> {
  const source = shareSource(await openSource(project, host), host.signal);
  const references = await referencesOf(host, options);
  const plan = (sandbox: Sandbox) => planFrom(source, sandbox, host, options);
  const results = await forEachSandbox({ host, references, jobs: options.jobs }, plan);
  return results.map((result) => {
    if ('error' in result) return result;
    const { sandbox, value } = result;
    return { sandbox, value: { ...value, sandbox } };
  });
}

async function referencesOf(host: Host, { sandboxes, labelled }: ManyOptions): Promise<readonly string[]> {
  if (labelled === undefined) return sandboxes;
  const { listContainers } = await import('../sandboxes/docker/list-containers.ts');
  return [...sandboxes, ...(await listContainers(labelled, { env: host.env, offline: host.offline }))];
}

/** The answer to the first question counts for whatever else is missing. */
function askOnce(dialogue: BuildDialogue): BuildDialogue {
  let answer: Promise<boolean> | undefined;
  return {
    ask: (question, options) => (answer ??= dialogue.ask(question, options)),
    show: (output) => dialogue.show(output),
  };
}

interface Many {
  readonly host: Host;
  readonly references: readonly string[];
  readonly jobs: number | undefined;
}

/** What a reference led to: undefined when no sandbox could be opened. */
interface Reached<T> {
  readonly key: string | undefined;
  readonly outcome: Outcome<T>;
}

async function forEachSandbox<T>(
  { host, references, jobs = DEFAULT_JOBS }: Many,
  work: (sandbox: Sandbox) => Promise<T>,
): Promise<readonly ManyResult<T>[]> {
  const known = new Map<string, Promise<Outcome<T>>>();
  const names = [...new Set(references)];
  const reached = await eachOf(names, { atOnce: jobs, signal: host.signal }, (reference) =>
    reach(host, reference, known, work),
  );
  return resultsOf(names, reached);
}

/** Whoever comes to a sandbox first works on it; who comes by another name waits for that. */
async function reach<T>(
  host: Host,
  reference: string,
  known: Map<string, Promise<Outcome<T>>>,
  work: (sandbox: Sandbox) => Promise<T>,
): Promise<Reached<T>> {
  const sandbox = await openSandbox(host, reference);
  try {
    const key = JSON.stringify([sandbox.identity.engine, sandbox.identity.id]);
    const begun = known.get(key) ?? outcomeOf(() => work(sandbox));
    known.set(key, begun);
    return { key, outcome: await begun };
  } finally {
    await sandbox.close();
  }
}

function resultsOf<T>(names: readonly string[], reached: readonly Outcome<Reached<T>>[]): readonly ManyResult<T>[] {
  const seen = new Set<string>();
  return names.flatMap((sandbox, index) => {
    const { key, outcome } = flattened(reached[index]);
    if (key !== undefined && seen.has(key)) return [];
    if (key !== undefined) seen.add(key);
    return [{ sandbox, ...outcome }];
  });
}

function flattened<T>(reached: Outcome<Reached<T>> | undefined): Reached<T> {
  if (reached === undefined) throw new Error('a sandbox was left out');
  return 'value' in reached ? reached.value : { key: undefined, outcome: reached };
}
