import { Readable, type Writable } from 'node:stream';
import { constants } from 'node:os';
import type { Clock } from '../core/clock.ts';
import { bridgeTool, type Bridge } from '../inject/bridge-tool.ts';
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
import type { ExecExit, Sandbox } from '../sandboxes/sandbox.ts';
import { createFirstWords, type FirstWords } from './first-words.ts';
import { nothingExecuted, toolEnded, watchExecs } from './not-started.ts';
import { isGoneReader, passedOn } from './passed-output.ts';
import { createShowing, notThisKernel, type KnownAnchor } from './sandbox-anchor.ts';

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

/** What became of a sandbox; `unknown` when its engine did not say. */
export type SandboxAfter = 'running' | 'gone' | 'unknown';

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
  /** Whether a command was let go, whatever became of it. */
  hasRun(): boolean;
  /** Why the output of a command was not taken any more, upon which it was ended. */
  lost(): Error | undefined;
}

/**
 * Commands of one sandbox. The streams are those of one command: the caller starts another only when the one before was
 * refused, which has not touched them.
 */
export function createSandboxCommands(place: CommandPlace): SandboxCommands {
  const known: { anchor: KnownAnchor | undefined; after: SandboxAfter; hasRun: boolean; lost: Error | undefined } = {
    anchor: undefined,
    after: 'unknown',
    hasRun: false,
    lost: undefined,
  };
  const launch = (held: Held, sighting?: Sighting): FollowedCommand => {
    known.hasRun = true;
    return followed(held, place, sighting, {
      ended: ({ after, isStarted }) => {
        known.after = after;
        known.hasRun = isStarted;
      },
      lost: (error) => (known.lost ??= error),
    });
  };
  return {
    async start(command) {
      return launch(await startHeld(place, command));
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
            return shown;
          }
          known.anchor = shown;
        } catch (error) {
          attachment.stop();
          await running.end;
          known.hasRun = false;
          throw error;
        }
        return observedRun(attachment, running, place, () => (known.after = 'unknown'));
      },
    }),
    anchor: () => known.anchor,
    after: () => known.after,
    hasRun: () => known.hasRun,
    lost: () => known.lost,
  };
}

/** A tool that did not get as far as to show itself says nothing about the kernel. */
async function neverShown({ end }: FollowedCommand, { sandbox }: CommandPlace): Promise<SpawnError> {
  const { notStarted } = await end;
  if (notStarted !== undefined) return notStarted;
  throw notThisKernel(sandbox);
}

/** What the tool in the sandbox exits with when it, or its command, was killed. */
const KILLED_CODE = 137;

/**
 * A tool that was killed leaves a command behind that goes on: then its code says nothing of that command, and what came
 * after is not known. One that was stopped is not waited for longer than the drain.
 */
function observedRun(
  attachment: ObservedAttachment,
  running: FollowedCommand,
  { sandbox, clock, drainMs }: CommandPlace,
  tellUnknown: () => void,
): ObservedRun {
  const over = new AbortController();
  const execs = watchExecs(attachment.calls);
  const capture = attachment.capture.then(async (report): Promise<CaptureReport> => {
    over.abort();
    const { exitCode } = await running.end;
    const isLeft = exitCode === KILLED_CODE && report.survivors > 0;
    if (isLeft) return { ...report, endedEarly: true };
    const notStarted = execs.seen() ? undefined : nothingExecuted(report, exitCode, sandbox);
    return { ...report, ...(notStarted !== undefined && { notStarted }) };
  });
  const limit = running.end.then(() => clock.sleep(drainMs + KILL_GRACE_MS, over.signal));
  limit.then(
    () => attachment.stop(),
    () => undefined,
  );
  const end = running.end.then(async (ended): Promise<ProcessEnd> => {
    if (ended.exitCode !== KILLED_CODE || !(await capture).endedEarly) return ended;
    tellUnknown();
    return { exitCode: null, signal: null };
  });
  return { ...running, end, calls: execs.calls, capture };
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

/**
 * Engines cannot send a signal to what they executed: the end of its input makes the tool end the command with all that it
 * started, and a cut connection is the last resort.
 */
function followed(
  held: Held,
  place: CommandPlace,
  sighting: Sighting | undefined,
  tell: { readonly ended: (ending: Ending) => void; readonly lost: (error: Error) => void },
): FollowedCommand {
  const state: { ended: boolean; signal: number | null } = { ended: false, signal: null };
  const kill = (signal: NodeJS.Signals): void => {
    if (state.ended) return;
    state.signal ??= constants.signals[signal];
    if (signal === 'SIGKILL') held.cut();
    else held.process.stdin.end();
  };
  // The engine takes what the command writes: it does not learn itself that nobody else does.
  const onLost = (error: Error): void => {
    tell.lost(error);
    kill(isGoneReader(error) ? 'SIGPIPE' : 'SIGTERM');
  };
  const [stdout, stderr] = [passedOn(place.stdout, onLost), passedOn(place.stderr, onLost)];
  const first = createFirstWords(stderr.stream);
  const bridged = bridgeTool({
    ...held,
    stdin: untouched(place.stdin),
    stdout: stdout.stream,
    stderr: first.stream,
    clock: place.clock,
    release: { sighting, onHeld: first.tellHeld },
  });
  const passed = bridged.finally(() => Promise.all([stdout.end(), stderr.end()]));
  const end = endOf(passed, { place, first, tell: tell.ended, signalled: () => state.signal }).finally(
    () => (state.ended = true),
  );
  return { end, kill, isGroupAlive: () => !state.ended };
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

/** Never rejects: what cannot be known any more is null. A sandbox that died has made no command succeed. */
async function endOf(
  bridged: ReturnType<typeof bridgeTool>,
  { place, first, tell, signalled }: EndContext,
): Promise<ProcessEnd> {
  const outcome = await bridged.catch((error: unknown) => error);
  const exit = isExit(outcome) ? outcome : undefined;
  const after = await stateAfter(place, exit?.code);
  const signal = signalled();
  const said = signal === null ? first.unheld() : undefined;
  tell({ after, isStarted: said === undefined });
  if (said !== undefined)
    return { exitCode: null, signal: null, notStarted: toolEnded(place.sandbox, exit?.code, outcome, said) };
  if (exit === undefined || after === 'gone' || signal !== null) return { exitCode: null, signal };
  return { exitCode: exit.code, signal: null };
}

/** How it ended there. */
interface Ending {
  readonly after: SandboxAfter;
  /** Whether the command may have run. */
  readonly isStarted: boolean;
}

interface EndContext {
  readonly place: CommandPlace;
  readonly first: FirstWords;
  readonly tell: (ending: Ending) => void;
  readonly signalled: () => number | null;
}

function isExit(outcome: unknown): outcome is ExecExit {
  return !(outcome instanceof Error) && typeof outcome === 'object' && outcome !== null && 'code' in outcome;
}

/** Exit codes of what dies with its container: engines say those before they say that the container is gone. */
const KILLED = [undefined, 137];
const LOOKS = 10;
/** In milliseconds. */
const BETWEEN_LOOKS = 100;

async function stateAfter({ examine, clock }: CommandPlace, code: number | undefined): Promise<SandboxAfter> {
  let after = await examine();
  for (let look = 1; KILLED.includes(code) && after === 'running' && look < LOOKS; look++) {
    await clock.sleep(BETWEEN_LOOKS);
    after = await examine();
  }
  return after;
}
