import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lease } from '../cache/cache.ts';
import { ToolcribError, UsageError } from '../core/errors.ts';
import { IMAGE_REFERENCE_FORM, isImageReference } from '../core/image-reference.ts';
import { silentReporter } from '../core/reporter.ts';
import { formatTarget, parseTarget, type Target } from '../core/target.ts';
import { removeBelow } from '../disk/remove-below.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import { judgeArtifact } from '../inject/elf-gate.ts';
import { injectTool } from '../inject/inject-tool.ts';
import type { ContainerMaker } from '../sandboxes/container-maker.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { RoutedTarget, ValidationResult } from '../validate/result.ts';
import { validateImages, type ValidationUser } from '../validate/validate-images.ts';
import type { Host } from './host.ts';
import { injectable, judgeTargetsFor } from './inject-tool.ts';
import type { BuildDialogue } from './local-builder.ts';
import type { Project } from './project.ts';
import { cacheOf } from './resolve-artifact.ts';
import { openSource, type ToolSource } from './tool-source.ts';

export interface ValidateOptions {
  /** Images of the engine; default: those of the configuration. */
  readonly images?: readonly string[];
  /** In their written form; default: every target of the project. */
  readonly targets?: readonly string[];
  /** Default: `docker`. */
  readonly engine?: 'docker' | 'podman';
  /** So many containers at once, at most. Default: {@link DEFAULT_JOBS}. */
  readonly jobs?: number;
  /** Whom to ask whether what no place has shall be built; default: nobody, and nothing is built. */
  readonly dialogue?: BuildDialogue | undefined;
}

/** What came of every image, target and user. */
export interface ToolValidation {
  readonly tool: string;
  readonly version: number;
  /** True in an edited checkout: its artifacts are local builds that no pin vouches for. */
  readonly dev: boolean;
  /** Address of the engine. */
  readonly engine: string;
  /** `ok` when at least one line passed and none failed. */
  readonly verdict: 'ok' | 'failed';
  readonly results: readonly ValidationResult[];
}

/** Where more are made at once, the engine does not end earlier. */
const DEFAULT_JOBS = 4;

/** The user that an image has unless it says otherwise, and one without rights. */
const USERS: readonly ValidationUser[] = [
  { name: 'root', id: '0' },
  { name: '1000', id: '1000' },
];

/**
 * Injects each artifact of a project into containers of images that it is for, as root and as another user, and has it
 * answer its health check. Containers have no network, and are removed; what an earlier validation left that was killed
 * is removed first.
 * @throws UsageError `USAGE`, `TARGET_INVALID`; RemoteError `UNREACHABLE`, `OFFLINE` of the engine; as `openSource` and
 * `openContainerMaker`; the signal's reason. What fails for one image or artifact is told in the results.
 */
export async function validateTool(
  project: Project,
  host: Host,
  options: ValidateOptions = {},
): Promise<ToolValidation> {
  const images = imagesOf(project, options.images);
  const source = await openSource(project, host, options);
  const targets = targetsOf(source, options.targets);
  const maker = await openMaker(host, options.engine);
  try {
    await sweep(maker, host);
    const jobs = options.jobs ?? DEFAULT_JOBS;
    const results = await withArtifacts(source, host, ({ load, ledger }) =>
      validateImages({
        images,
        users: USERS,
        targets,
        jobs,
        maker,
        route: (sandbox) => route(sandbox, source, load),
        inject: async (sandbox, target) =>
          await inject(sandbox, await load(parseTarget(target)), { host, source, ledger }),
        reporter: host.reporter,
        signal: host.signal,
      }),
    );
    const { tool, version } = source.pins;
    return { tool, version, dev: source.isEdited, engine: maker.engine, verdict: verdictOf(results), results };
  } finally {
    await maker.close();
  }
}

/** Nothing that passed is nothing that was validated, e.g. when the targets that were asked about fit no image. */
function verdictOf(results: readonly ValidationResult[]): ToolValidation['verdict'] {
  const has = (outcome: ValidationResult['outcome']): boolean => results.some((result) => result.outcome === outcome);
  return has('passed') && !has('failed') ? 'ok' : 'failed';
}

function imagesOf({ config }: Project, named: readonly string[] = []): readonly string[] {
  const wrong = named.find((image) => !isImageReference(image));
  if (wrong !== undefined) {
    throw new UsageError('USAGE', `--image ${JSON.stringify(wrong)}: ${IMAGE_REFERENCE_FORM}`, {
      hint: 'an image of the engine, as "docker run" takes it',
    });
  }
  const images = [...new Set(named.length > 0 ? named : (config?.images ?? []))];
  if (images.length > 0) return images;
  throw new UsageError('USAGE', 'there is no image to validate in', {
    hint: 'name one with --image debian:12, or list them under "images" in toolcrib.json',
  });
}

function targetsOf({ pins }: ToolSource, named: readonly string[] = []): readonly string[] {
  const there = pins.targets.map(formatTarget);
  const asked = named.map((name) => formatTarget(parseTarget(name)));
  const other = asked.find((name) => !there.includes(name));
  if (other === undefined) return asked.length > 0 ? asked : there;
  throw new UsageError('TARGET_INVALID', `${pins.tool} has no target ${other}`, {
    hint: `there are ${there.join(', ')}`,
  });
}

async function openMaker(host: Host, scheme: ValidateOptions['engine'] = 'docker'): Promise<ContainerMaker> {
  const { openContainerMaker } = await import('../sandboxes/docker/make-container.ts');
  const { env, offline, random, clock } = host;
  // Not the host's signal: after an abort the connection is needed to remove containers.
  return await openContainerMaker({ env, offline, scheme, random, now: () => clock.now() });
}

async function sweep(maker: ContainerMaker, { reporter }: Host): Promise<void> {
  try {
    const removed = await maker.sweep();
    if (removed.length === 0) return;
    reporter.notice({ kind: 'step', text: `removed ${removed.join(', ')}, which a killed validation left` });
  } catch (error) {
    if (!(error instanceof ToolcribError)) throw error;
    reporter.notice({ kind: 'warning', text: `what killed validations left may still be there: ${error.message}` });
  }
}

interface Artifacts {
  /** The artifact of a target, resolved and unpacked the first time that it is asked for. */
  readonly load: (target: Target) => Promise<InjectableArtifact>;
  /** A directory for records of placements in containers that will be gone. */
  readonly ledger: string;
}

async function withArtifacts<T>(
  source: ToolSource,
  host: Host,
  work: (artifacts: Artifacts) => Promise<T>,
): Promise<T> {
  const leases: Lease[] = [];
  const ledger = await mkdtemp(join(tmpdir(), 'toolcrib-validate-'));
  try {
    const load = oneByOne(formatTarget, (target: Target) => loadArtifact(target, source, host, leases));
    return await work({ load, ledger });
  } finally {
    for (const lease of leases) await lease.release();
    await removeBelow(tmpdir(), ledger);
  }
}

/** Answers each question once, and one after the other: they may ask the user, and build. */
function oneByOne<Key, Value>(nameOf: (key: Key) => string, answer: (key: Key) => Promise<Value>) {
  const answers = new Map<string, Promise<Value>>();
  let last: Promise<unknown> = Promise.resolve();
  return (key: Key): Promise<Value> => {
    const name = nameOf(key);
    const known = answers.get(name);
    if (known !== undefined) return known;
    const next = last.then(() => answer(key));
    last = next.catch(() => undefined);
    answers.set(name, next);
    return next;
  };
}

async function loadArtifact(
  target: Target,
  { pins, resolve }: ToolSource,
  host: Host,
  leases: Lease[],
): Promise<InjectableArtifact> {
  const { path, digest, name } = await resolve(target);
  const cache = cacheOf(host);
  leases.push(await cache.lease(digest));
  const unpacked = await cache.unpacked({ path, digest, tool: pins.tool }, { signal: host.signal });
  return injectable(pins, { name, target, digest }, unpacked);
}

/** By architecture and C library, then by what the artifact needs. One that is nowhere to be had fails when it is tried. */
async function route(
  sandbox: Sandbox,
  { pins }: ToolSource,
  load: Artifacts['load'],
): Promise<readonly RoutedTarget[]> {
  const { judged } = await judgeTargetsFor(sandbox, pins);
  const routed: RoutedTarget[] = [];
  for (const { target, fits, reason } of judged) {
    const missing = fits ? await missingFor(sandbox, target, load) : [];
    const lacks = missing.length === 0 ? {} : { fits: false, reason: missing.join('; ') };
    routed.push({ target: formatTarget(target), fits, reason, ...lacks });
  }
  return routed;
}

async function missingFor(sandbox: Sandbox, target: Target, load: Artifacts['load']): Promise<readonly string[]> {
  try {
    return (await judgeArtifact(sandbox, await load(target))).missing;
  } catch (error) {
    if (error instanceof ToolcribError) return [];
    throw error;
  }
}

async function inject(
  sandbox: Sandbox,
  artifact: InjectableArtifact,
  { host, source, ledger }: { readonly host: Host; readonly source: ToolSource; readonly ledger: string },
) {
  const { clock, random, signal } = host;
  const { install } = source.pins;
  // Lines of many injections at once say nothing to a reader: each has one in the table.
  return await injectTool({ sandbox, artifact, install, ledger, clock, random, signal, reporter: silentReporter });
}
