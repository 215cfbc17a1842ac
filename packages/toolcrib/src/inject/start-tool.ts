import type { Sandbox, SandboxProcess } from '../sandboxes/sandbox.ts';
import { cleanEnvironment } from './environment.ts';
import type { Placement } from './placement.ts';

/** A call of an injected tool. */
export interface ToolStart {
  readonly sandbox: Sandbox;
  readonly placement: Pick<Placement, 'command' | 'directory'>;
  readonly args: readonly string[];
  /** Default: the sandbox's own user. */
  readonly user?: string;
  /** Added to the environment of the commands that the tool starts. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Where the commands that the tool starts run, a path of the sandbox; a tool that is told so starts none elsewhere.
   * Default: where the sandbox's own commands do, or what the tool has instead where that is not there.
   */
  readonly cwd?: string;
  /** False: stdin is closed at once. */
  readonly stdin: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts an injected tool as the sandbox's own user, in its placement's directory and with a clean environment: nothing
 * that was planted in the container's environment or working directory reaches it. The caller bridges the streams.
 * @throws as `Sandbox.exec`.
 */
export async function startTool(start: ToolStart): Promise<SandboxProcess> {
  const { sandbox, placement, user, signal } = start;
  const cwd = sandbox.programPath(start.cwd ?? sandbox.identity.cwd);
  const place = { cwd, required: start.cwd !== undefined };
  return await sandbox.exec({
    argv: [...placement.command, ...start.args],
    ...cleanEnvironment(sandbox.identity, start.env ?? {}, place),
    cwd: placement.directory,
    stdin: start.stdin,
    ...(user !== undefined && { user }),
    ...(signal !== undefined && { signal }),
  });
}
