import { Readable, type Writable } from 'node:stream';
import { constants } from 'node:os';
import type { Clock } from '../core/clock.ts';
import { bridgeTool, type Bridge, type BridgedExit } from '../inject/bridge-tool.ts';
import type { ToldEnd } from '../inject/command-end.ts';
import { HOLD } from '../inject/held-input.ts';
import type { Placement } from '../inject/placement.ts';
import { startTool } from '../inject/start-tool.ts';
import type { ProcessEnd, SpawnError } from '../run/child-process.ts';
import type { FollowedCommand } from '../run/follow-command.ts';
import type {
  CaptureReport,
  ObservedAttachment,
  ObservedCommand,
  ObservedRun,
  Observer,
  SandboxObserver,
} from '../run/observe/observer.ts';
import { KILL_GRACE_MS } from '../run/process-deadline.ts';
import { isExitCode, isSignalNumber } from '../run/possible-end.ts';
import { endInSandbox, type EndAccounts, type SandboxAfter } from '../run/sandbox-end.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { createFirstWords } from './first-words.ts';
import { watchFirstProcess } from './first-process.ts';
import { nothingExecuted, refusedBy, toolEnded } from './not-started.ts';
import { liveTime } from './live-time.ts';
import { isGoneReader, passedOn } from './passed-output.ts';
import { createShowing, notThisKernel, type KnownAnchor } from './sandbox-anchor.ts';
import { toolProcess } from './tool-process.ts';

/**
 * Milliseconds that the tool in the sandbox has: to end a command with all that it started, before the connection is cut, and
 * to end itself when the kernel saw that its command has.
 */
export const TOOL_GRACE_MS = 15_000;

/** In milliseconds: a tool that was not stopped has ended by then when its command has. */
const BEING_OVER_MS = 2000;

/** Where commands are started: a placement in a sandbox, and the streams that they get. */
export interface CommandPlace {
  readonly sandbox: Sandbox;
  readonly placement: Placement;
  readonly user?: string | undefined;
  /** A path of the sandbox. Default: where its own commands run. */
  readonly cwd?: string | undefined;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly clock: Clock;
  /** Looks whether the sandbox is still the one that it was. Never rejects. */
  readonly examine: () => Promise<SandboxAfter>;
  /** Milliseconds that descendants are observed after the command's end. */
  readonly drainMs: number;
  /** Random bytes. */
  readonly random: (size: number) => Uint8Array;
}

/** Starts commands in a sandbox, by the tool that was placed there. */
export interface SandboxCommands {
  /** Starts one that nothing watches. */
  readonly start: (command: ObservedCommand) => Promise<FollowedCommand>;
  /** Watches from this machine what a command in the sandbox asks of the kernel. */
  observer(tracer: SandboxObserver): Observer;
  /** The process that showed itself; undefined when none did that could have started a command. */
  anchor(): KnownAnchor | undefined;
  /** What became of the sandbox: known when a command has ended. */
  after(): SandboxAfter;
  /** Who told how the command ended: known when it has, or its observation. */
  accounts(): EndAccounts;
  /** Whether a command was let go, whatever became of it. */
  hasRun(): boolean;
  /** Why the output of a command was not taken any more, upon which it was ended. */
  lost(): Error | undefined;
}

/** What is known of a command so far. */
interface Known {
  anchor: KnownAnchor | undefined;
  after: SandboxAfter;
  accounts: EndAccounts;
  hasRun: boolean;
  lost: Error | undefined;
}

/**
 * Commands of one sandbox. The streams are those of one command: the caller starts another only when the one before was
 * refused, which has not touched them.
 */
export function createSandboxCommands(place: CommandPlace): SandboxCommands {
  const known: Known = {
    anchor: undefined,
    after: 'unknown',
    accounts: { asked: null, kernel: null, tool: null },
    hasRun: false,
    lost: undefined,
  };
  const launch = (held: Held, sighting?: Sighting): Followed => {
    known.hasRun = true;
    const running = followed(held, place, sighting, (error) => (known.lost ??= error));
    const over = running.over.then((ending) => {
      known.after = ending.after;
      known.accounts = accountsOf(ending);
      return ending;
    });
    return { ...running, over };
  };
  const endOf = (ending: Ending): ProcessEnd => {
    const notStarted = whyNotStarted(place, ending);
    known.hasRun = notStarted === undefined;
    return notStarted === undefined ? endInSandbox(accountsOf(ending), ending.after) : { ...UNKNOWN, notStarted };
  };
  return {
    async start(command) {
      const { over, ...running } = launch(await startHeld(place, command));
      return { ...running, end: over.then(endOf) };
    },
    observer: (tracer) => ({
      tier: 'ebpf',
      async start(command) {
        const nonce = Buffer.from(place.random(32)).toString('hex');
        const attachment = await tracer.attach(nonce);
        const held = await startHeld(place, command).catch((error: unknown) => {
          attachment.stop();
          throw error;
        });
        const showing = createShowing(attachment, held.process, place);
        const running = launch(held, { nonce, seen: showing.wait });
        try {
          const shown = await Promise.race([showing.shown, neverShown(running, place)]);
          if ('code' in shown) {
            attachment.stop();
            known.hasRun = false;
            return shown;
          }
          known.anchor = shown;
          return observedRun({ attachment, running, place, anchor: shown, known });
        } catch (error) {
          attachment.stop();
          await running.over;
          known.hasRun = false;
          throw error;
        }
      },
    }),
    anchor: () => known.anchor,
    after: () => known.after,
    accounts: () => known.accounts,
    hasRun: () => known.hasRun,
    lost: () => known.lost,
  };
}

const UNKNOWN: ProcessEnd = { exitCode: null, signal: null };

/** A tool that did not get as far as to show itself says nothing about the kernel. */
async function neverShown({ over }: Followed, place: CommandPlace): Promise<SpawnError> {
  const notStarted = whyNotStarted(place, await over);
  if (notStarted !== undefined) return notStarted;
  throw notThisKernel(place.sandbox);
}

/** What a command is watched by. */
interface Watched {
  readonly attachment: ObservedAttachment;
  readonly running: Followed;
  readonly place: CommandPlace;
  readonly anchor: KnownAnchor;
  readonly known: Known;
}

/**
 * The kernel has the last word about how the command ended, when its observation is over: the tool that told it can have
 * been killed or changed, and a command whose tool was killed goes on. One that was stopped goes on when its command is to
 * end, or has; where it cannot, or is not reached, neither it nor what descends from it is waited for longer than it has.
 */
function observedRun({ attachment, running, place, anchor, known }: Watched): ObservedRun {
  const { sandbox, clock, drainMs } = place;
  const observed = new AbortController();
  const tool = toolProcess(anchor);
  const first = watchFirstProcess(attachment.calls, anchor.pid);
  void first.over.then(async () => {
    if (await liveTime(clock, BEING_OVER_MS, observed.signal)) tool.resume();
    if (!(await liveTime(clock, TOOL_GRACE_MS - BEING_OVER_MS, observed.signal))) return;
    tool.kill();
    if (await liveTime(clock, drainMs + KILL_GRACE_MS, observed.signal)) running.abandon();
  });
  const capture = attachment.capture.then(async (report): Promise<CaptureReport> => {
    observed.abort();
    const ending = await running.over;
    known.accounts = { ...accountsOf(ending), kernel: first.end(report) ?? null };
    const notStarted = first.hasExecuted() ? undefined : nothingExecuted(report, ending.code, sandbox);
    if (notStarted !== undefined) {
      known.hasRun = false;
      return { ...report, notStarted };
    }
    return { ...report, end: endInSandbox(known.accounts, ending.after) };
  });
  const limit = running.over.then(() => clock.sleep(drainMs + KILL_GRACE_MS, observed.signal));
  limit.then(
    () => attachment.stop(),
    () => undefined,
  );
  const end = running.over.then((ending) => endInSandbox(accountsOf(ending), ending.after));
  const kill = (signal: NodeJS.Signals): void => {
    running.kill(signal);
    tool.resume();
  };
  return { end, kill, isGroupAlive: running.isGroupAlive, calls: first.calls, capture };
}

type Sighting = NonNullable<NonNullable<Bridge['release']>['sighting']>;

interface Held {
  readonly process: Bridge['process'];
  readonly args: readonly string[];
  /** Cuts the connection. */
  cut(): void;
}

async function startHeld(place: CommandPlace, command: ObservedCommand): Promise<Held> {
  const { sandbox, placement, user, cwd } = place;
  const connection = new AbortController();
  const args = [HOLD, '--', ...command.command];
  const process = await startTool({
    sandbox,
    placement,
    args,
    stdin: true,
    env: definedIn(command.env),
    signal: connection.signal,
    ...(user !== undefined && { user }),
    ...(cwd !== undefined && { cwd }),
  });
  return { process, args, cut: () => connection.abort() };
}

function definedIn(env: ObservedCommand['env']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** A command that was let go, and how that ended. */
interface Followed extends Omit<FollowedCommand, 'end'> {
  /** Never rejects. */
  readonly over: Promise<Ending>;
  /** Cuts the connection. */
  abandon(): void;
}

/** What is known when the tool has ended, or the connection to it. */
interface Ending {
  readonly after: SandboxAfter;
  /** The number of the signal that was to end the command. */
  readonly asked: number | null;
  /** What the tool exited with, where it told that. */
  readonly code: number | undefined;
  /** Why it did not. */
  readonly failure: unknown;
  readonly told: ToldEnd | undefined;
  /** What it wrote in place of that it holds a command; undefined when it held one, or may have. */
  readonly unheld: string | undefined;
}

/**
 * Engines cannot send a signal to what they executed: the end of its input makes the tool end the command with all that it
 * started, and a cut connection is the last resort, when its time is up.
 */
function followed(
  held: Held,
  place: CommandPlace,
  sighting: Sighting | undefined,
  tellLost: (error: Error) => void,
): Followed {
  const state: { ended: boolean; unheard: boolean; signal: number | null } = {
    ended: false,
    unheard: false,
    signal: null,
  };
  const ended = new AbortController();
  const endInTime = async (): Promise<void> => {
    held.process.stdin.end();
    if (await liveTime(place.clock, TOOL_GRACE_MS, ended.signal)) held.cut();
  };
  const kill = (signal: NodeJS.Signals): void => {
    if (state.ended) return;
    const isFirst = state.signal === null;
    state.signal ??= constants.signals[signal];
    if (signal === 'SIGKILL') held.cut();
    else if (isFirst) void endInTime();
  };
  // The engine takes what the command writes: it does not learn itself that nobody else does.
  const onLost = (error: Error): void => {
    tellLost(error);
    kill(isGoneReader(error) ? 'SIGPIPE' : 'SIGTERM');
  };
  const [stdout, stderr] = [passedOn(place.stdout, onLost), passedOn(place.stderr, onLost)];
  const first = createFirstWords(stderr.stream);
  const key = Buffer.from(place.random(32)).toString('hex');
  const bridged = bridgeTool({
    ...held,
    stdin: untouched(place.stdin),
    stdout: stdout.stream,
    stderr: first.stream,
    clock: place.clock,
    release: {
      ...{ sighting, key, onHeld: first.tellHeld },
      onRefused: () => void endInTime(),
      onUnheard: () => (state.unheard = true),
    },
  });
  const passed = bridged.finally(() => Promise.all([stdout.end(), stderr.end()]));
  const context = {
    place,
    asked: () => state.signal,
    unheld: () => (state.unheard ? undefined : first.unheld()),
  };
  const over = endingOf(passed, context).finally(() => {
    state.ended = true;
    ended.abort();
  });
  return { over, kill, isGroupAlive: () => !state.ended, abandon: () => held.cut() };
}

/** A stream that is read when somebody reads this one, ends with it, and is left alone when nobody does. */
function untouched(stream: Readable): Readable {
  let isTouched = false;
  const copy: Readable = new Readable({
    read() {
      if (isTouched) stream.resume();
      else {
        isTouched = true;
        stream.on('data', (piece) => (copy.push(piece) ? undefined : stream.pause()));
        stream.once('end', () => copy.push(null));
        stream.once('error', (error) => copy.destroy(error));
      }
    },
    destroy(error, done) {
      if (isTouched) stream.destroy();
      done(error);
    },
  });
  return copy;
}

interface EndContext {
  readonly place: CommandPlace;
  readonly asked: () => number | null;
  readonly unheld: () => string | undefined;
}

/** Never rejects. */
async function endingOf(bridged: Promise<BridgedExit>, { place, asked, unheld }: EndContext): Promise<Ending> {
  const [outcome] = await Promise.allSettled([bridged]);
  const exit = outcome.status === 'fulfilled' ? outcome.value : undefined;
  const told = exit?.told;
  const after = await stateAfter(place, told === undefined && MAY_BE_GONE.includes(exit?.code));
  const failure: unknown = outcome.status === 'rejected' ? outcome.reason : undefined;
  return { after, asked: asked(), code: exit?.code, failure, told, unheld: unheld() };
}

/** What was told of a command's end when its tool has ended. */
function accountsOf({ asked, told }: Ending): EndAccounts {
  return { asked, kernel: null, tool: told === undefined ? null : endTold(told) };
}

function endTold({ how, number }: ToldEnd): ProcessEnd | null {
  // Who changed the tool can tell what no process ends with.
  if (how === 'exited' && isExitCode(number)) return { exitCode: number, signal: null };
  return how === 'killed' && isSignalNumber(number) ? { exitCode: null, signal: number } : null;
}

/** Where nobody saw what was executed, the tool's word counts. */
function whyNotStarted({ sandbox }: CommandPlace, { code, failure, told, unheld }: Ending): SpawnError | undefined {
  if (unheld !== undefined) return toolEnded(sandbox, code, failure, unheld);
  return told?.how === 'refused' ? refusedBy(told.number, sandbox) : undefined;
}

/** Exit codes of what dies with its container: engines say those before they say that the container is gone. */
const MAY_BE_GONE: readonly (number | undefined)[] = [undefined, 137];
const LOOKS = 10;
/** In milliseconds. */
const BETWEEN_LOOKS = 100;

async function stateAfter({ examine, clock }: CommandPlace, mayBeGone: boolean): Promise<SandboxAfter> {
  let after = await examine();
  for (let look = 1; mayBeGone && after === 'running' && look < LOOKS; look++) {
    await clock.sleep(BETWEEN_LOOKS);
    after = await examine();
  }
  return after;
}
