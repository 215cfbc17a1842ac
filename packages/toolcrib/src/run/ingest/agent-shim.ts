import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NotFoundError } from '../../core/errors.ts';
import { SDK_EVENT_SCHEMA } from '../layers/sdk-event.ts';

/** What a command is told about the SDK log of its run. */
export interface SdkLogEnvironment {
  readonly runId: string;
  /** Absolute, as the command sees it. */
  readonly logPath: string;
}

/**
 * The variables by which whatever writes SDK events finds the log: formats.md 6. They are set for the command on top of
 * what it inherits, and so are among the `env_keys` of its start.
 */
export function sdkLogEnvironment({ runId, logPath }: SdkLogEnvironment): Readonly<Record<string, string>> {
  return {
    ASSAY_RUNNER_RUN_ID: runId,
    ASSAY_RUNNER_SDK_EVENT_LOG: logPath,
    ASSAY_RUNNER_SDK_EVENT_SCHEMA: SDK_EVENT_SCHEMA,
  };
}

/** How a shim comes into a command. */
export interface AgentShimOptions extends SdkLogEnvironment {
  /** From {@link findAgentShim}, as the command sees it. */
  readonly shimPath: string;
  /** What the command has already as `NODE_OPTIONS`. */
  readonly nodeOptions: string | undefined;
}

/**
 * {@link sdkLogEnvironment}, and what makes every Node of the command load the shim before its program. A Node that cannot
 * read that file does not start: the path has to be right where the command runs, in a sandbox too.
 */
export function agentShimEnvironment(options: AgentShimOptions): Readonly<Record<string, string>> {
  return { ...sdkLogEnvironment(options), NODE_OPTIONS: withPreload(options.nodeOptions, options.shimPath) };
}

/** What that changes for the command, as a sentence. */
export function agentShimPerturbation(shim: string): string {
  return `every Node of the command loads the agent shim ${shim} (--require in NODE_OPTIONS), which listens to its SDK and writes a log`;
}

/** `--require`: it takes a path, costs less than `--import`, and every Node knows it. */
function withPreload(nodeOptions: string | undefined, path: string): string {
  const preload = `--require "${path.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return nodeOptions === undefined || nodeOptions.trim() === '' ? preload : `${nodeOptions} ${preload}`;
}

/** Where a shim is, seen from this module: in the package, from a file in a folder of its own or not; in the sources. */
const PLACES = [
  ['../shims/', '.cjs'],
  ['./shims/', '.cjs'],
  ['../../shims/', '.ts'],
] as const;

/**
 * The file that is preloaded for a shim. It is readable by whoever can read toolcrib itself.
 * @param shim one of `AGENT_SHIMS`, but not `none`.
 * @returns an absolute path.
 * @throws NotFoundError `NOT_FOUND` when toolcrib was bundled into another program without it.
 */
export function findAgentShim(shim: string): string {
  const candidates = PLACES.map(([folder, ending]) =>
    fileURLToPath(new URL(`${folder}${shim}${ending}`, import.meta.url)),
  );
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  throw new NotFoundError('NOT_FOUND', `the agent shim ${shim} is not beside toolcrib`, {
    hint: 'install toolcrib as a package: its shims are files of their own, in dist/shims',
    details: { shim },
  });
}
