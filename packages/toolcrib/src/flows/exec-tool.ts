import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { combineSignals } from '../core/combined-signal.ts';
import { isSystemError, SandboxError } from '../core/errors.ts';
import type { Placement } from '../inject/placement.ts';
import { startTool } from '../inject/start-tool.ts';
import type { ExecExit, SandboxProcess } from '../sandboxes/sandbox.ts';
import type { Host } from './host.ts';
import { injectInto } from './inject-tool.ts';
import { openSandbox } from './open-sandbox.ts';
import type { Project } from './project.ts';

export interface ExecRequest {
  readonly sandbox: string;
  /** What the tool gets. */
  readonly args: readonly string[];
  /** Default: the sandbox's own user. */
  readonly user?: string;
  /** For the commands that the tool starts. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the commands that the tool starts run, a path of the sandbox. */
  readonly cwd?: string;
  /** Seconds. */
  readonly timeout?: number;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

export interface ExecResult {
  /** The exit code of the tool. */
  readonly code: number;
  readonly placement: Placement;
}

/**
 * Runs the tool in a sandbox, injected first where it is not there yet, with its three streams bridged. An abort and a
 * time that is up close its stdin, which makes the tool end everything that it started.
 * @throws as `injectTool`; SandboxError `EXEC_FAILED` when the engine refuses, or the time is up.
 */
export async function execTool(project: Project, host: Host, request: ExecRequest): Promise<ExecResult> {
  const { args, user, env, cwd, timeout } = request;
  const sandbox = await openSandbox(host, request.sandbox);
  try {
    const { placement } = await injectInto(sandbox, project, host);
    const deadline = timeout === undefined ? undefined : AbortSignal.timeout(timeout * 1000);
    const started = await startTool({
      sandbox,
      placement,
      args,
      stdin: true,
      signal: combineSignals([host.signal, deadline]),
      ...(user !== undefined && { user }),
      ...(env !== undefined && { env }),
      ...(cwd !== undefined && { cwd }),
    });
    const { code, incomplete } = await bridge(started, request).catch((error: unknown) => {
      if (deadline?.aborted === true) throw timeIsUp(request, timeout ?? 0);
      throw error;
    });
    if (incomplete !== undefined) {
      const text = `some of what was written in ${request.sandbox} may be missing: ${incomplete}`;
      host.reporter.notice({ kind: 'warning', text });
    }
    return { code, placement };
  } finally {
    await sandbox.close();
  }
}

/** Connects the streams until the program has ended and all that it said was passed on. */
async function bridge(process: SandboxProcess, request: ExecRequest): Promise<ExecExit> {
  const { stdin, stdout, stderr } = request;
  // A program need not read its input to the end; what it left is of no interest.
  const input = pipeline(stdin, process.stdin).catch(() => undefined);
  const outputs = [
    pipeline(process.stdout, stdout, { end: false }),
    pipeline(process.stderr, stderr, { end: false }),
  ].map((output) => output.catch(ignoreGoneReader));
  try {
    await Promise.all(outputs);
    return await process.exit;
  } finally {
    stdin.destroy();
    await input;
  }
}

/** Who reads our output may stop reading it (`| head`). */
function ignoreGoneReader(error: unknown): void {
  if (!isSystemError(error, 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
}

function timeIsUp({ sandbox, args }: ExecRequest, seconds: number): SandboxError {
  return new SandboxError('EXEC_FAILED', `${args.join(' ')} did not end within ${seconds} s in ${sandbox}`, {
    hint: 'its input was closed, upon which the tool ends what it started',
    details: { sandbox, seconds },
  });
}
