import type { Readable, Writable } from 'node:stream';
import { hasCode, SandboxError } from '../core/errors.ts';
import type { Notice } from '../core/reporter.ts';
import type { Placement } from '../inject/placement.ts';
import { verifyToolUser } from '../inject/tool-user.ts';
import { DRAIN_MS } from '../run/observe/observer.ts';
import { recordedEnd, type PlacementFacts } from '../run/reports/injection-record.ts';
import type { RecordRunOptions } from '../run/record-run.ts';
import { endInSandbox, isContradicted, type SandboxAfter } from '../run/sandbox-end.ts';
import type { KernelRequest, ObserverChoice } from '../run/start-observed.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { verifyExecRequest } from './exec-request.ts';
import type { Host } from './host.ts';
import { injectInto } from './inject-tool.ts';
import { openTracer } from './open-observers.ts';
import { openSandbox } from './open-sandbox.ts';
import { isGoneReader, outputLost } from './passed-output.ts';
import type { Project } from './project.ts';
import { createSandboxCommands, TOOL_GRACE_MS, type SandboxCommands } from './sandbox-command.ts';

/** The sandbox that a recorded command is to run in. */
export interface RunPlace {
  /** Whose tool starts the command there; injected first where it is not there yet. */
  readonly project: Project;
  readonly sandbox: string;
  /** Default: the sandbox's own user. */
  readonly user?: string;
  /** An absolute path of the sandbox. Default: where its own commands run. */
  readonly workdir?: string;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** What is to run there. */
export interface SandboxRunRequest {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly kernel: KernelRequest;
  /** Seconds that descendants are observed after the command's end. */
  readonly drain: number | undefined;
}

/** How a run takes place in a sandbox, and what ends with it. */
export interface SandboxRun {
  readonly options: Pick<RecordRunOptions, 'env' | 'kernel' | 'injection' | 'killGraceMs'>;
  /**
   * To be asked when the archive is there.
   * @throws RemoteError `STORAGE` when the command's output could not be written; one whose reader went away is no failure.
   */
  verifyOutput(): void;
  /** Tells of a sandbox that died meanwhile, and of an end that nobody saw or that was told in two ways. */
  close(): Promise<void>;
}

/**
 * Prepares a sandbox for a recorded run: the tool that starts the command is injected and proven.
 * @throws as `injectTool`; UsageError `USAGE` for a user or a directory that cannot be; SandboxError `EXEC_FAILED`.
 */
export async function openSandboxRun(host: Host, place: RunPlace, request: SandboxRunRequest): Promise<SandboxRun> {
  const { project, user, workdir: cwd, stdin, stdout, stderr } = place;
  verifyExecRequest({
    args: request.command,
    env: request.env,
    ...(user !== undefined && { user }),
    ...(cwd !== undefined && { cwd }),
  });
  const sandbox = await openSandbox(host, place.sandbox);
  try {
    const { placement } = await injectInto(sandbox, project, host);
    verifyToolUser(sandbox, placement, user);
    const { clock, random } = host;
    const { kernel, drain } = request;
    const commands = createSandboxCommands({
      ...{ sandbox, placement, user, cwd, stdin, stdout, stderr, clock, random },
      examine: () => stateNow(host, sandbox),
      drainMs: drain === undefined ? DRAIN_MS : drain * 1000,
    });
    const choices = choicesFor(kernel, drain, commands);
    return {
      options: {
        env: {},
        killGraceMs: TOOL_GRACE_MS,
        kernel: { requested: kernel, choices, start: commands.start },
        injection: () => factsOf(placement, sandbox, commands),
      },
      verifyOutput() {
        const lost = commands.lost();
        if (lost !== undefined && !isGoneReader(lost)) throw outputLost(lost);
      },
      async close() {
        const notice = noticeOf(commands, place.sandbox);
        if (notice !== undefined && commands.hasRun()) host.reporter.notice(notice);
        await sandbox.close();
      },
    };
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}

function choicesFor(
  requested: KernelRequest,
  drain: number | undefined,
  commands: SandboxCommands,
): readonly ObserverChoice[] {
  const drainMs = drain === undefined ? undefined : drain * 1000;
  const choices: readonly ObserverChoice[] = [
    { tier: 'ebpf', open: async () => commands.observer(await openTracer(drainMs)) },
    { tier: 'ptrace', open: () => Promise.reject(noStraceThere()) },
  ];
  return choices.filter(({ tier }) => requested === tier || (requested === 'auto' && tier === 'ebpf'));
}

/** Asks the engine anew; another start is another sandbox. */
async function stateNow(host: Host, { reference, identity }: Sandbox): Promise<SandboxAfter> {
  try {
    await using now = closing(await openSandbox(host, reference));
    const { id, startedAt } = now.sandbox.identity;
    return id === identity.id && startedAt === identity.startedAt ? 'running' : 'gone';
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return 'gone';
    // A paused one goes on later.
    return hasCode(error, 'SANDBOX_STATE') && error.details['state'] !== 'paused' ? 'gone' : 'unknown';
  }
}

function closing(sandbox: Sandbox): { readonly sandbox: Sandbox } & AsyncDisposable {
  return { sandbox, [Symbol.asyncDispose]: () => sandbox.close() };
}

function noticeOf(commands: SandboxCommands, sandbox: string): Notice | undefined {
  const [after, accounts] = [commands.after(), commands.accounts()];
  const { exitCode, signal } = endInSandbox(accounts, after);
  if (exitCode === null && signal === null) {
    const text = `${whyUnknown(after, sandbox)}: what became of the command there is not known`;
    return { kind: 'warning', text, hint: 'the archive holds what was seen until then' };
  }
  if (!isContradicted(accounts)) return undefined;
  const text = `the tool in ${sandbox} told another end of the command than the kernel: the kernel's is recorded`;
  return { kind: 'warning', text, hint: 'somebody there killed or changed the tool: do not trust what runs there' };
}

function whyUnknown(after: SandboxAfter, sandbox: string): string {
  if (after === 'gone') return `${sandbox} is not running any more`;
  if (after === 'unknown') return `${sandbox} does not tell the end`;
  return `the tool in ${sandbox} ended before it told how the command did`;
}

function noStraceThere(): SandboxError {
  return new SandboxError('NOT_OBSERVABLE', 'strace does not reach into a sandbox', {
    hint: 'only the tracer in the kernel does: --kernel ebpf, as root',
  });
}

function factsOf(placement: Placement, { identity, reference }: Sandbox, commands: SandboxCommands): PlacementFacts {
  const { tool, version, target, digest, directory, rung, protection, why, readBack, provenAt, reused } = placement;
  const { engine, id, startedAt } = identity;
  const anchor = commands.anchor();
  return {
    sandbox: reference,
    engine,
    id,
    started_at: startedAt,
    ...{ tool, version, target, digest, directory, rung, protection, why },
    read_back: readBack,
    proven_at: provenAt,
    reused,
    anchor: anchor === undefined ? null : { pid: anchor.pid, cgroup_id: anchor.cgroupId, by_engine: anchor.isEngines },
    after: commands.after(),
    ended: recordedEnd(commands.accounts()),
  };
}
