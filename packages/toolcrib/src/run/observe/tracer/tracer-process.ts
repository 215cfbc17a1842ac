import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandStdio, ProcessEnd } from '../../child-process.ts';
import type { Anchor } from '../observer.ts';
import { isStopped } from '../process-status.ts';
import { watchDeath, type ChildDeath } from './child-death.ts';
import { createControlReader, type Failed, type Started } from './control-channel.ts';
import { childOf, endLeftBehind, endNow, type LeftBehind } from './left-behind.ts';
import { notObservable } from './not-observable.ts';
import { createSilenceLimit } from './silence-limit.ts';
import { unreapedNow, watchUnreaped } from './unreaped.ts';

/** In milliseconds: until the command is about to be released. On a machine that is very busy it takes half a second. */
const START_MS = 30_000;

/**
 * In milliseconds: until it is told what came of the release. A command that stops the tracer at once keeps it from telling;
 * then the run goes on under the deadlines that it has.
 */
const RELEASE_MS = 2000;

/** The byte that ends the observation: native/tracer/stream.h. */
const STOP = 255;

export interface TracerStart {
  readonly executable: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdio: CommandStdio | 'ignore';
  /** Milliseconds: it is killed when it says nothing for that long after the command has ended, or was to be killed. */
  readonly silenceMs: number;
}

/** A tracer at work. It ends what it started when this process is gone. */
export interface TracerProcess {
  /**
   * What it says first. Rejects with NOT_OBSERVABLE when it says nothing, and is gone then: it has released no command.
   * Whether it has, is not known where it is damaged.
   */
  readonly first: Promise<First>;
  /**
   * What came of the release of the command, after {@link TracerProcess.first} was `started`: `lost` when it ended before
   * it told, `untold` when it has not told in time. Never rejects.
   */
  released(): Promise<Released>;
  /**
   * The end of the command. Never rejects. Nobody knows it where the tracer was killed, unless it was seen before, as
   * {@link TracerProcess.follow} says: that the command ends with its tracer is asked of the kernel, but the command can take
   * that back. Then it is killed, and what became of it is told.
   */
  readonly end: Promise<ProcessEnd>;
  /** Undefined when it ended without one. Never rejects. */
  readonly anchor: Promise<Anchor | undefined>;
  /** Calls: native/tracer/stream.h. */
  readonly stream: Readable;
  /** Looks for the end of the command, too: a tracer that the command has stopped does not tell it. */
  follow(pid: number): void;
  signal(number: NodeJS.Signals): void;
  stop(): void;
  /** Lets it kill everything that it watches, and end: for a command that has ended. */
  endAll(): void;
  /** Ends it at once, and what it watches with it. */
  kill(): void;
  /** Resolves when it is gone, or was killed and does not end. */
  readonly gone: Promise<void>;
}

/**
 * @throws what Node throws for an argument or a variable that no system takes; SandboxError `NOT_OBSERVABLE` where nothing can
 * be started because too many files are open.
 */
export function startTracer(start: TracerStart): TracerProcess {
  const [stdin, stdout, stderr] =
    typeof start.stdio === 'string' ? ([start.stdio, start.stdio, start.stdio] as const) : start.stdio;
  const child = spawn(start.executable, start.args, {
    cwd: '/',
    env: start.env,
    stdio: [stdin, stdout, stderr, 'pipe', 'pipe'],
  });
  const death = watchDeath(child);
  // Node tells why only later, and by then nobody is there to hear it.
  if (!('stdio' in child)) throw notObservable('it cannot be started: too many files are open');
  const [, , , control, stream] = child.stdio;
  if (!(control instanceof Socket) || !(stream instanceof Socket)) throw new Error('a pipe was asked for');
  control.on('error', () => undefined); // its end says what there is to say
  let left: LeftBehind = { command: undefined, guard: undefined };
  const events = readEvents(control, ({ pid, guard }) => {
    left = { command: childOf(pid, child.pid), guard: childOf(guard, child.pid) };
  });
  const silence = createSilenceLimit({
    limitMs: start.silenceMs,
    told: () => (isUnread(stream) ? undefined : control.bytesRead + stream.bytesRead),
    onSilence: () => void killBoth(),
  });
  let unreaped: ProcessEnd | undefined;
  /** The command first: as long as its parent is there, and has stopped, how it ended can be seen. */
  const killBoth = async (): Promise<void> => {
    const { command } = left;
    if ((await endNow(command)) === 'gone' && command !== undefined) unreaped ??= await unreapedNow(command.pid);
    death.kill();
  };
  void events.end.then(() => silence.begin());
  const gone = death.gone.then(async ({ reason, isDead }) => {
    silence.end();
    const seen = unreaped;
    const fate = isDead ? await endLeftBehind(left) : 'unknown';
    events.close(reason, seen ?? { exitCode: null, signal: null, fate });
    if (isDead) return;
    control.destroy();
    stream.destroy();
    child.unref();
  });
  return {
    first: withinTime(events.first, death),
    released: () => orUntold(events.released),
    end: events.end,
    anchor: events.anchor,
    stream,
    follow(pid) {
      const unfollow = watchUnreaped(pid, (end) => {
        unreaped = end;
        silence.begin();
      });
      void events.end.then(unfollow);
    },
    signal(name) {
      control.write(Uint8Array.of(constants.signals[name]));
      // Any other may be handled, and its handler may take its time.
      if (name === 'SIGKILL') silence.begin();
      else void killIfStopped(child, killBoth, start.silenceMs);
    },
    stop() {
      control.write(Uint8Array.of(STOP));
      silence.begin();
    },
    endAll() {
      // Whom nobody controls any more ends everything; what it tells still comes.
      control.end();
      silence.begin();
    },
    kill: () => death.kill(),
    gone,
  };
}

/** A tracer that was stopped hands no signal on. Nobody but the command does that, so there is nothing to wait for. */
async function killIfStopped(tracer: ChildProcess, kill: () => Promise<void>, waitMs: number): Promise<void> {
  await sleep(waitMs, undefined, { ref: false });
  const { pid, exitCode, signalCode } = tracer;
  const isThere = pid !== undefined && exitCode === null && signalCode === null;
  if (isThere && (await isStopped(pid))) await kill();
}

/** Whether what it brought waits for a reader that may still come. */
function isUnread(stream: Readable): boolean {
  return !stream.destroyed && stream.readableLength > 0;
}

/** What the tracer says first. */
export type First = Started | Failed | { readonly kind: 'damaged' };

/** What came of the release of a command. */
export type Released = Failed | { readonly kind: 'running' | 'lost' | 'untold' };

interface Events extends Pick<TracerProcess, 'end' | 'anchor'> {
  readonly first: Promise<First>;
  readonly released: Promise<Released>;
  /** No event comes any more. @param end what the end of the command is, if that was not told. */
  close(reason: string, end: ProcessEnd): void;
}

/** @param onStarted called at once: the command may run from then on. */
function readEvents(control: Readable, onStarted: (started: Started) => void): Events {
  const first = Promise.withResolvers<First>();
  const released = Promise.withResolvers<Released>();
  const end = Promise.withResolvers<ProcessEnd>();
  const anchor = Promise.withResolvers<Anchor | undefined>();
  const read = createControlReader();
  control.on('data', (chunk: Buffer) => {
    for (const event of read(chunk)) {
      if (event.kind === 'started') onStarted(event);
      if (event.kind === 'ended') end.resolve(event.end);
      else if (event.kind === 'anchored') anchor.resolve(event.anchor);
      else if (event.kind !== 'running') first.resolve(event);
      if (event.kind === 'running' || event.kind === 'failed') released.resolve(event);
      else if (event.kind === 'damaged') released.resolve({ kind: 'lost' });
    }
  });
  const ended = new Promise<void>((resolve) => control.once('close', resolve));
  first.promise.catch(() => undefined);
  return {
    first: first.promise,
    released: released.promise,
    end: end.promise,
    anchor: anchor.promise,
    close(reason, untold) {
      // What it wrote before its end may still be on its way.
      void ended.then(() => {
        first.reject(notObservable(reason));
        released.resolve({ kind: 'lost' });
        end.resolve(untold);
        anchor.resolve(undefined);
      });
    },
  };
}

async function withinTime(told: Promise<First>, death: ChildDeath): Promise<First> {
  const over = new AbortController();
  const tooLate = sleep(START_MS, undefined, { signal: over.signal }).then(
    () => death.kill(),
    () => undefined,
  );
  try {
    return await told;
  } finally {
    over.abort();
    await tooLate;
  }
}

async function orUntold(released: Promise<Released>): Promise<Released> {
  const over = new AbortController();
  const untold = sleep(RELEASE_MS, { kind: 'untold' } as const, { signal: over.signal });
  untold.catch(() => undefined);
  try {
    return await Promise.race([released, untold]);
  } finally {
    over.abort();
  }
}
