import { eachOf, type Outcome } from '../core/each-of.ts';
import { ToolcribError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import { archFrom } from '../core/target.ts';
import type { ContainerMaker } from '../sandboxes/container-maker.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { withoutPlacement, type RoutedTarget, type ValidationResult } from './result.ts';

/** A user that containers are made for. */
export interface ValidationUser {
  /** E.g. `root`. */
  readonly name: string;
  /** As in `docker run --user`. */
  readonly id: string;
}

/** What is tried, and with what. */
export interface Validation {
  readonly images: readonly string[];
  readonly users: readonly ValidationUser[];
  /** Targets that are asked about, in their written form. */
  readonly targets: readonly string[];
  /** So many containers there are at once, at most. */
  readonly jobs: number;
  readonly maker: Pick<ContainerMaker, 'make'>;
  /** Every target of the tool, and whether it is for such a sandbox. */
  readonly route: (sandbox: Sandbox) => Promise<readonly RoutedTarget[]>;
  /** Places the artifact of a target, and proves that it runs. */
  readonly inject: (
    sandbox: Sandbox,
    target: string,
  ) => Promise<{ readonly rung: string; readonly protection: string; readonly why: string }>;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Tries each artifact in containers of each image that it is for, every time in a container of its own. What fails for
 * one does not stop the others.
 * @returns the lines of the matrix, in the order of images, targets and users.
 * @throws the signal's reason; whatever is no {@link ToolcribError}, when all containers are removed.
 */
export async function validateImages(validation: Validation): Promise<readonly ValidationResult[]> {
  const { images, jobs, signal } = validation;
  const bounds = { atOnce: jobs, signal };
  const routes = valuesOf(await eachOf(images, bounds, (image) => routeImage(validation, image)));
  const cells = routes.flatMap(({ cells: ofImage }) => ofImage);
  const tried = valuesOf(await eachOf(cells, bounds, (cell) => tryCell(validation, cell)));
  return routes.flatMap(({ image, results }) => [...tried.filter((result) => result.image === image), ...results]);
}

interface Cell {
  readonly image: string;
  readonly target: string;
  readonly user: ValidationUser;
}

interface Route {
  readonly image: string;
  /** What is to be tried. */
  readonly cells: readonly Cell[];
  /** What is known without trying. */
  readonly results: readonly ValidationResult[];
}

/** What the image is for is looked up in a container of its own, of the first user. */
async function routeImage(validation: Validation, image: string): Promise<Route> {
  const { users, targets } = validation;
  const [first] = users;
  if (first === undefined) return { image, cells: [], results: [] };
  try {
    const { routed, arch } = await inContainer(validation, { image, user: first }, async (sandbox) => ({
      routed: await validation.route(sandbox),
      arch: sandbox.identity.arch,
    }));
    const asked = routed.filter(({ target }) => targets.includes(target));
    const cells = asked
      .filter(({ fits }) => fits)
      .flatMap(({ target }) => users.map((user) => ({ image, target, user })));
    const unfit = asked
      .filter(({ fits }) => !fits)
      .map(({ target, reason }) => withoutPlacement({ image, target, outcome: 'unfit', reason }));
    const nothing = routed.some(({ fits }) => fits) ? [] : [nothingFits(image, arch, routed)];
    return { image, cells, results: [...nothing, ...unfit] };
  } catch (error) {
    return { image, cells: [], results: [failedResult(validation, { image }, error)] };
  }
}

/** @param arch of the image, as the engine says; undefined when it does not. */
function nothingFits(image: string, arch: string | undefined, routed: readonly RoutedTarget[]): ValidationResult {
  const known = archFrom(arch ?? '');
  const portable = known === undefined ? 'amd64-any, arm64-any' : `${known}-any`;
  const reasons = routed.map(({ target, reason }) => `${target}: ${reason}`);
  return withoutPlacement({
    image,
    outcome: 'failed',
    code: 'NO_TARGET_FITS',
    reason: ['no target fits', ...reasons].join('; '),
    hint: `add a target that needs no C library (${portable}) to "targets", or take the image out of "images"`,
  });
}

async function tryCell(validation: Validation, cell: Cell): Promise<ValidationResult> {
  const { image, target, user } = cell;
  const facts = { image, target, user: user.name };
  const inside = async (sandbox: Sandbox): Promise<ValidationResult> => {
    try {
      const { rung, protection, why } = await validation.inject(sandbox, target);
      return { ...facts, outcome: 'passed', rung, protection, reason: why, hint: null, code: null };
    } catch (error) {
      return failedResult(validation, facts, error, sandbox.reference);
    }
  };
  const result = await inContainer(validation, cell, inside).catch((error: unknown) =>
    failedResult(validation, facts, error),
  );
  validation.reporter.notice({ kind: 'step', text: `${image}, ${target}, ${user.name}: ${result.outcome}` });
  return result;
}

/**
 * A failure that says something of the image or the artifact.
 * @param reference of a container that is gone by now, so that the image is named instead.
 * @throws an abort's reason, and what is a bug.
 */
function failedResult(
  { signal }: Validation,
  facts: { readonly image: string; readonly target?: string; readonly user?: string },
  error: unknown,
  reference?: string,
): ValidationResult {
  if (signal?.aborted === true) throw signal.reason;
  if (!(error instanceof ToolcribError)) throw error;
  const { code, message, hint = null } = error;
  const reason = reference === undefined ? message : message.replaceAll(reference, facts.image);
  return withoutPlacement({ ...facts, outcome: 'failed', code, reason, hint });
}

/** The container is removed whatever happens; that it could not be counts when nothing else failed. */
async function inContainer<T>(
  { maker, signal }: Validation,
  { image, user }: Pick<Cell, 'image' | 'user'>,
  work: (sandbox: Sandbox) => Promise<T>,
): Promise<T> {
  const container = await maker.make({ image, user: user.id, signal });
  const [worked] = await Promise.allSettled([work(container.sandbox)]);
  const [removed] = await Promise.allSettled([container.remove()]);
  if (worked.status === 'rejected') throw worked.reason;
  if (removed.status === 'rejected') throw removed.reason;
  return worked.value;
}

function valuesOf<T>(outcomes: readonly Outcome<T>[]): readonly T[] {
  return outcomes.map((one) => {
    if ('error' in one) throw one.error;
    return one.value;
  });
}
