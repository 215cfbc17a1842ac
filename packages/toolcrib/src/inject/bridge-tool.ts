import type { Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import type { Clock } from '../core/clock.ts';
import { isSystemError } from '../core/errors.ts';
import type { ExecExit, SandboxProcess } from '../sandboxes/sandbox.ts';
import { listenForEnd, outcomeWord, type EndListener, type ToldEnd } from './command-end.ts';
import {
  framedInput,
  HOLD,
  inputOfReleased,
  listenForAnnouncement,
  sentinelWord,
  type Announcement,
} from './held-input.ts';

/** A tool that was started, and whom it speaks with. */
export interface Bridge {
  readonly process: SandboxProcess;
  /** What the tool got. */
  readonly args: readonly string[];
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly clock: Clock;
  /**
   * For a held process that is an implementation of ours: what it says first is not passed on, and `stdin` is its command's
   * alone. With `sighting` it is told the nonce as soon as it says that it is there, and its command is started when `seen`
   * resolves to true, not at all when it resolves to false or the process takes no nonce: then `onRefused` is called, and it
   * is to end. `onHeld` is called when it has said that it is there, `onUnheard` when its command is let go although nobody
   * heard that: somebody there may have kept it from us, and the command is started. `key`, 64 lowercase hex digits and random, is for it to tell how its command ended. Default:
   * whoever writes to `stdin` speaks with the held process.
   */
  readonly release?: {
    readonly sighting: { readonly nonce: string; seen(): Promise<boolean> } | undefined;
    readonly key: string;
    onHeld?(): void;
    onRefused?(): void;
    onUnheard?(): void;
  };
}

/** How a tool ended, and its command, where there was one. */
export interface BridgedExit extends ExecExit {
  /**
   * As the held process told; one that became its command ended as the command did. Undefined where nobody told: such a
   * process ended by something else, or does not tell.
   */
  readonly told?: ToldEnd;
}

/** In milliseconds: a held process says so as soon as it runs. One that does not gets its input as it is. */
const ANNOUNCING = 30_000;

/** In milliseconds: one that says something else says why it starts nothing, and has ended by then. */
const REFUSING = 5000;

/**
 * Connects the streams of a tool until it has ended and all that it said was passed on.
 * @throws as `SandboxProcess.exit`.
 */
export async function bridgeTool(bridge: Bridge): Promise<BridgedExit> {
  const { process, stdin, stdout, stderr, release } = bridge;
  const over = new AbortController();
  const announcement = listenForAnnouncement(release !== undefined);
  const ending = release && listenForEnd(release.key);
  const heard = announcement.isHeld.then((isHeld) => (isHeld ? release?.onHeld?.() : undefined));
  // A program need not read its input to the end; what it left is of no interest.
  const input = feed(bridge, announcement, over.signal).catch(() => undefined);
  const outputs = [
    pipeline(process.stdout, stdout, { end: false }),
    pipeline([process.stderr, announcement.listener, ...(ending ? [ending.listener] : []), stderr], { end: false }),
  ].map((output) => output.catch(ignoreGoneReader));
  try {
    await Promise.all(outputs);
    const exit = await process.exit;
    const told = ending && (await endOf(exit, announcement, ending));
    return { ...exit, ...(told !== undefined && { told }) };
  } finally {
    over.abort();
    stdin.destroy();
    process.stdin.destroy();
    await Promise.all([input, heard]);
  }
}

async function endOf(
  { code }: ExecExit,
  { isHeld, takesFrames }: Announcement,
  ending: EndListener,
): Promise<ToldEnd | undefined> {
  const becameIt = (await isHeld) && !(await takesFrames);
  return becameIt ? { how: 'exited', number: code } : ending.told();
}

/** The input of a held process stays open after its end: it takes the end of the stream for ours. */
async function feed(bridge: Bridge, announcement: Announcement, signal: AbortSignal): Promise<void> {
  const { process, stdin, args, clock, release } = bridge;
  const silence = passed(clock, ANNOUNCING, signal).then(() => false);
  const offered = (offer: Promise<boolean>): Promise<boolean> => Promise.race([offer, silence]);
  const isFramed = args[0] === HOLD && (await offered(announcement.takesFrames));
  const isReleased = release === undefined || (await releaseFrom(bridge, release, { announcement, offered, signal }));
  const input = release === undefined ? stdin : inputOfReleased(stdin);
  if (isReleased && isFramed && release !== undefined && (await announcement.tellsOutcome)) {
    process.stdin.write(outcomeWord(release.key));
  }
  if (!isReleased) {
    process.stdin.end();
    release.onRefused?.();
  } else if (isFramed) await pipeline(framedInput(input), process.stdin, { end: false });
  else await pipeline(input, process.stdin);
}

/** What is heard of a process that may be held. */
interface Hearing {
  readonly announcement: Announcement;
  readonly offered: (offer: Promise<boolean>) => Promise<boolean>;
  readonly signal: AbortSignal;
}

async function releaseFrom(
  { process, clock }: Bridge,
  release: NonNullable<Bridge['release']>,
  { announcement, offered, signal }: Hearing,
): Promise<boolean> {
  const { sighting } = release;
  if (sighting !== undefined) {
    if (!(await offered(announcement.takesSentinel))) return false;
    process.stdin.write(sentinelWord(sighting.nonce));
    return await sighting.seen();
  }
  if (await offered(announcement.isHeld)) return true;
  const { listener } = announcement;
  await Promise.race([passed(clock, REFUSING, signal), finished(listener).catch(() => undefined)]);
  if (listener.closed) return false;
  release.onUnheard?.();
  return true;
}

async function passed(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch(() => undefined);
}

/** Who reads our output may stop reading it (`| head`). */
function ignoreGoneReader(error: unknown): void {
  if (!isSystemError(error, 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
}
