import type { IncomingHttpHeaders } from 'node:http';
import { combineSignals } from '../core/combined-signal.ts';
import type { PublishToken } from './publish-token.ts';
import { Refusal } from './refusal.ts';

/** What limits uploads. */
export interface UploadLimits {
  /** In bytes. */
  readonly maxFileBytes: number;
  readonly maxUploads: number;
  /** Milliseconds that every upload may take; each {@link UPLOAD_BYTES_PER_MS} of its size add one. */
  readonly uploadMs: number;
}

/** 64 kB a second: who sends slower only wants to hold the door open. */
const UPLOAD_BYTES_PER_MS = 64;
/** Node's timers take no longer one: it would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Decides who may write, how much, and how many at once. */
export interface PublishDoor {
  /** False: nobody may. */
  readonly isOpen: boolean;
  /** @throws Refusal 403 when the server only reads, 401 without the right token. */
  admit(headers: IncomingHttpHeaders): void;
  /** The announced length of a body, in bytes. @throws Refusal 411 without one, 413 when it is too large. */
  lengthOf(headers: IncomingHttpHeaders): number;
  /**
   * Runs one upload with a deadline.
   * @throws Refusal 503 when too many run, 408 after the deadline; what the work throws; the server's reason.
   */
  run<T>(size: number, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Waits until no upload runs. */
  drained(): Promise<void>;
}

/** @param signal ends all uploads. */
export function openPublishDoor(
  token: PublishToken | undefined,
  limits: UploadLimits,
  signal: AbortSignal,
): PublishDoor {
  const running = new Set<Promise<unknown>>();
  return {
    isOpen: token !== undefined,
    admit({ authorization }) {
      if (token === undefined) throw new Refusal(403, 'this server only reads: it was started without a token file');
      if (token.matches(authorization)) return;
      const words = authorization === undefined ? 'publishing needs a bearer token' : 'this is not the token';
      throw new Refusal(401, words, { 'www-authenticate': 'Bearer realm="toolcrib"' });
    },
    lengthOf(headers) {
      const length = headers['content-length'];
      if (length === undefined) throw new Refusal(411, 'say the length of the file (Content-Length)');
      const { maxFileBytes } = limits;
      if (Number(length) <= maxFileBytes) return Number(length);
      throw new Refusal(413, `a file may have ${maxFileBytes} bytes here, this one has ${length}`);
    },
    async run(size, work) {
      if (running.size >= limits.maxUploads) {
        throw new Refusal(503, 'too many uploads at once', { 'retry-after': '1' });
      }
      const deadline = deadlineOf(size, limits);
      const upload = work(combineSignals([signal, deadline.signal]));
      running.add(upload);
      try {
        return await upload;
      } finally {
        running.delete(upload);
        deadline.end();
      }
    },
    async drained() {
      await Promise.allSettled(running);
    },
  };
}

/** Milliseconds that an upload of that size may take. */
export function uploadTime(size: number, { uploadMs }: UploadLimits): number {
  return Math.min(uploadMs + size / UPLOAD_BYTES_PER_MS, LONGEST_TIMER_MS);
}

function deadlineOf(size: number, limits: UploadLimits): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const tooSlow = (): void => controller.abort(new Refusal(408, 'the upload took too long'));
  const timer = setTimeout(tooSlow, uploadTime(size, limits));
  return { signal: controller.signal, end: () => clearTimeout(timer) };
}
