import type { ProcessEnd, SpawnError } from '../child-process.ts';
import type { HookAccount, ObservedCall } from './observed-call.ts';

/** How the kernel layer is observed. */
export type CaptureTier = 'ebpf' | 'ptrace' | 'none';

/** Milliseconds that an observer goes on after the end of a command, when nobody says how long. */
export const DRAIN_MS = 10_000;

/** What an observer starts and watches. */
export interface ObservedCommand {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The caller's own standard streams, or three descriptors; the command has them, the observer never writes there. */
  readonly stdio: 'inherit' | readonly [stdin: number, stdout: number, stderr: number];
  /** In a session of its own, so that a timeout can end all of it. */
  readonly ownGroup: boolean;
  /** Called when its process is there, before its first instruction: it gets what is sent to its group from then on. */
  readonly onLaunched?: () => void;
}

/**
 * Watches what a command asks of the kernel, from before its first instruction. One suite of tests runs on every
 * implementation. An observer follows every descendant, also those that leave the process group, the session or the
 * cgroup, or are reparented; it reads nothing of other processes beyond the arguments of their calls.
 */
export interface Observer {
  readonly tier: Exclude<CaptureTier, 'none'>;
  /**
   * Starts the command, stopped until everything is attached.
   * @returns a {@link SpawnError} when the command itself cannot be started: that is recorded, not thrown.
   * @throws SandboxError `NOT_OBSERVABLE` when it cannot observe: nothing was started, or what was is gone again.
   */
  start(command: ObservedCommand): Promise<ObservedRun | SpawnError>;
}

/** A command that runs and is watched. */
export interface ObservedRun {
  /**
   * Calls as they end, in the order in which the observer saw them. Ends after {@link ObservedRun.end}, when the last
   * descendant is gone or the drain limit is over. Has to be read, or the observer drops. Read once.
   */
  readonly calls: AsyncIterable<ObservedCall>;
  /** The end of the command itself. Never rejects. Does not wait for descendants. */
  readonly end: Promise<ProcessEnd>;
  /** Resolves when {@link ObservedRun.calls} has ended. */
  readonly capture: Promise<CaptureReport>;
  /** To the command, or its group when it has its own. One that is gone is fine. */
  kill(signal: NodeJS.Signals): void;
  /** Whether anything of the command's own group is left. */
  isGroupAlive(): boolean;
  /**
   * Kills what descends from a command that has ended, wherever it went, and ends the observation. Default: nobody but the
   * group's members can be ended. Never rejects; does not wait for the end.
   */
  endRest?(): Promise<void>;
}

/** How the observation went. Everything here is a bound on what may be claimed. */
export interface CaptureReport {
  /**
   * `proven`: a sentinel call of the command's own task was seen, and every call is of a task that descends from it.
   * `doubtful`: the layer does not count, and no claim rests on it.
   */
  readonly attribution: 'proven' | 'doubtful';
  readonly accounts: readonly HookAccount[];
  /** The observer died or was ended before the last descendant: what came after is not known. */
  readonly endedEarly: boolean;
  /** Descendants that were alive when the drain limit was over; undefined where nobody counted them. */
  readonly survivors: number | undefined;
  /** What the observation itself changed for the command, one sentence each (`strace sets no_new_privs`). */
  readonly perturbations: readonly string[];
  /** Milliseconds from the start of the observer until the command was released. */
  readonly attachMs: number;
  /** The observation proves that nothing was executed: why. Default: it does not. */
  readonly notStarted?: SpawnError;
  /** How the command ended, where the observation tells that better than {@link ObservedRun.end}. */
  readonly end?: ProcessEnd;
}

/** A task of a sandbox that showed itself by opening a path: whatever it starts is watched, its own calls are not told. */
export interface Anchor {
  /** Its thread group, as the observer's pid namespace counts. */
  readonly pid: number;
  /** Id of the cgroup v2 that it was in. */
  readonly cgroupId: number;
}

/** The observation of what a task inside a sandbox starts. Nothing was started for it, and nothing is ended with it. */
export interface ObservedAttachment extends Pick<ObservedRun, 'calls' | 'capture'> {
  /**
   * The task that opened a path that ends in the nonce: only what it forks after that is watched, so a command is to be
   * started when this has resolved. Undefined when the observation ended before: what opens there is no task of this
   * kernel. Never rejects, and has no deadline: call {@link ObservedAttachment.stop}.
   */
  readonly anchor: Promise<Anchor | undefined>;
  /**
   * Ends the observation; what is told until then still comes. Without it, it ends when the anchor and all that descends
   * from it are gone, or the drain limit after the anchor's end is over.
   */
  stop(): void;
}

/** Watches what is started in a sandbox that runs on the observer's kernel. */
export interface SandboxObserver {
  /**
   * Resolves when everything is attached: then let the task in the sandbox open the path.
   * @param nonce 64 lowercase hex digits, random.
   * @throws SandboxError `NOT_OBSERVABLE` when it cannot observe.
   */
  attach(nonce: string): Promise<ObservedAttachment>;
}
