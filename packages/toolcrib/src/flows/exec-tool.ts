import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { combineSignals } from '../core/combined-signal.ts';
import { SandboxError } from '../core/errors.ts';
import { bridgeTool } from '../inject/bridge-tool.ts';
import type { Placement } from '../inject/placement.ts';
import { startTool } from '../inject/start-tool.ts';
import { verifyToolUser } from '../inject/tool-user.ts';
import type { ExecExit, Sandbox } from '../sandboxes/sandbox.ts';
import { verifyExecRequest } from './exec-request.ts';
import type { Host } from './host.ts';
import { injectInto } from './inject-tool.ts';
import { openSandbox } from './open-sandbox.ts';
import { isGoneReader, outputLost, passedOn } from './passed-output.ts';
import type { Project } from './project.ts';

export interface ExecRequest {
  readonly sandbox: string;
  /** What the tool gets. */
  readonly args: readonly string[];
  /** Default: the sandbox's own user, and that one only where it may have changed the tool since it was proven. */
  readonly user?: string;
  /** For the commands that the tool starts; no name that begins with `TOOLCRIB_`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the commands that the tool starts run, an absolute path of the sandbox; nothing runs elsewhere instead. */
  readonly cwd?: string;
  /** Seconds from the start of the tool, above 0 and up to a week. */
  readonly timeout?: number;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

export interface ExecResult {
  /** The exit code of the tool; 141, as of one that SIGPIPE ended, when it was ended because nobody read its stdout any more. */
  readonly code: number;
  readonly placement: Placement;
}

/**
 * Runs the tool in a sandbox, injected first where it is not there yet, with its three streams bridged. An abort and a
 * time that is up, and a stdout that is not taken any more, close its stdin, which makes a tool that supervises end everything that it started; a held command is
 * supervised by a tool that offers it, and still gets to see the end of its own input.
 * @throws as `injectTool`; UsageError `USAGE`; SandboxError `EXEC_FAILED` when the engine refuses, the time is up, or another
 * user than the sandbox's own would run what that one may have changed.
 */
export async function execTool(project: Project, host: Host, request: ExecRequest): Promise<ExecResult> {
  verifyExecRequest(request);
  const sandbox = await openSandbox(host, request.sandbox);
  try {
    const { placement } = await injectInto(sandbox, project, host);
    verifyToolUser(sandbox, placement, request.user);
    const [over, lost] = [new AbortController(), new AbortController()];
    const signal = combineSignals([host.signal, limitOf(request, host.clock, over.signal), lost.signal]);
    const stdout = passedOn(request.stdout, (error) =>
      lost.abort(isGoneReader(error) ? READER_GONE : outputLost(error)),
    );
    const streamed = { ...request, stdout: stdout.stream };
    const { code, incomplete } = await runTool({ sandbox, placement, request: streamed, signal, clock: host.clock })
      .finally(() => (signal.aborted ? stdout.stream.destroy() : stdout.end()))
      .catch((error: unknown) => {
        // Streams that were cut fail in ways of their own.
        if (!signal.aborted) throw error;
        if (signal.reason !== READER_GONE) throw signal.reason;
        return READER_GONE;
      })
      .finally(() => over.abort());
    if (incomplete !== undefined) {
      const text = `some of what was written in ${request.sandbox} may be missing: ${incomplete}`;
      host.reporter.notice({ kind: 'warning', text });
    }
    return { code, placement };
  } finally {
    await sandbox.close();
  }
}

/** How a tool ended that was ended with the reader of its output. */
const READER_GONE: ExecExit = { code: 128 + constants.signals.SIGPIPE };

interface Call {
  readonly sandbox: Sandbox;
  readonly placement: Placement;
  readonly request: ExecRequest;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

async function runTool({ sandbox, placement, request, signal, clock }: Call): Promise<ExecExit> {
  const { args, user, env, cwd, stdin, stdout, stderr } = request;
  const process = await startTool({
    sandbox,
    placement,
    args,
    stdin: true,
    signal,
    ...(user !== undefined && { user }),
    ...(env !== undefined && { env }),
    ...(cwd !== undefined && { cwd }),
  });
  return await bridgeTool({ process, args, stdin, stdout, stderr, clock });
}

/** Aborts when the time is up, which begins now; undefined when there is no limit. */
function limitOf(request: ExecRequest, clock: Clock, over: AbortSignal): AbortSignal | undefined {
  const { timeout } = request;
  if (timeout === undefined) return undefined;
  const limit = new AbortController();
  clock.sleep(timeout * 1000, over).then(
    () => limit.abort(timeIsUp(request, timeout)),
    () => undefined,
  );
  return limit.signal;
}

function timeIsUp({ sandbox, args }: ExecRequest, seconds: number): SandboxError {
  return new SandboxError('EXEC_FAILED', `${args.join(' ')} did not end within ${seconds} s in ${sandbox}`, {
    hint: 'its input was closed, upon which a tool ends what it started',
    details: { sandbox, seconds },
  });
}
