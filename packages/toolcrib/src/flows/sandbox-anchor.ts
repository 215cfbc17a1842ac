import type { Clock } from '../core/clock.ts';
import { SandboxError, ToolcribError } from '../core/errors.ts';
import type { Anchor, ObservedAttachment } from '../run/observe/observer.ts';
import type { Sandbox, SandboxProcess } from '../sandboxes/sandbox.ts';

/** Milliseconds that a held process has to show itself after it was told how. */
const SHOWING = 10_000;

/** A process that showed itself, and what is known of it. */
export interface KnownAnchor extends Anchor {
  /** Whether its engine says that it is the process that was started there; false where it does not tell. */
  readonly isEngines: boolean;
}

/** The moment in which a process in the sandbox shows itself, or does not. */
export interface Showing {
  /** Rejects with `NOT_OBSERVABLE` when there is none that counts. */
  readonly shown: Promise<KnownAnchor>;
  /** Waits for it. @returns whether the command may be started. */
  readonly wait: () => Promise<boolean>;
}

/** Where a process was started that is to show itself. */
interface ShowingPlace {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
}

/** @param process what the engine started: nobody else counts. */
export function createShowing(
  attachment: ObservedAttachment,
  process: SandboxProcess,
  { sandbox, clock }: ShowingPlace,
): Showing {
  const shown = Promise.withResolvers<KnownAnchor>();
  const look = async (): Promise<KnownAnchor> => {
    const anchor = await anchorInTime(attachment, clock);
    if (anchor === undefined) throw notThisKernel(sandbox);
    return await verifyAnchor(anchor, process, sandbox);
  };
  return {
    shown: shown.promise,
    wait() {
      shown.resolve(look());
      return shown.promise.then(
        () => true,
        () => false,
      );
    },
  };
}

async function anchorInTime({ anchor }: ObservedAttachment, clock: Clock): Promise<Anchor | undefined> {
  const over = new AbortController();
  const late = clock.sleep(SHOWING, over.signal).then(
    () => undefined,
    () => undefined,
  );
  const first = await Promise.race([anchor, late]);
  over.abort();
  return first;
}

/**
 * Whoever is root in the sandbox may learn the nonce and open it first. The engine knows which process it started: another
 * one does not count.
 */
async function verifyAnchor(anchor: Anchor, process: SandboxProcess, sandbox: Sandbox): Promise<KnownAnchor> {
  const isEngines = await process.isProcess?.(anchor.pid).catch((error: unknown) => {
    throw error instanceof ToolcribError ? notTold(sandbox, error) : error;
  });
  if (isEngines === false) throw notThatProcess(sandbox);
  return { ...anchor, isEngines: isEngines ?? false };
}

/** Nothing showed itself. */
export function notThisKernel({ reference }: Sandbox): SandboxError {
  const message = `nothing in ${reference} showed itself to the observer: it does not run on the kernel of this machine`;
  return new SandboxError('NOT_OBSERVABLE', message, {
    hint: 'sandboxes of gVisor, of Kata and of engines elsewhere have kernels of their own',
  });
}

function notThatProcess({ reference }: Sandbox): SandboxError {
  const message = `another process of ${reference} showed itself to the observer in place of the one that starts the command`;
  return new SandboxError('NOT_OBSERVABLE', message, {
    hint: 'somebody in the sandbox is root and took its place: do not trust what runs there',
  });
}

function notTold({ reference }: Sandbox, cause: ToolcribError): SandboxError {
  const message = `the engine does not tell which process it started in ${reference}: ${cause.message}`;
  return new SandboxError('NOT_OBSERVABLE', message, { cause, ...(cause.hint !== undefined && { hint: cause.hint }) });
}
