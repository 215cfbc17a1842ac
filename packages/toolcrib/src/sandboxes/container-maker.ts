import type { Sandbox } from './sandbox.ts';

/** What a container is made from. */
export interface ContainerRequest {
  /** Of the engine; none is pulled. */
  readonly image: string;
  /** The user that its commands run as, e.g. `0` or `1000`. */
  readonly user: string;
  /** Ends the making; what was made until then is removed. */
  readonly signal?: AbortSignal | undefined;
}

/** A running container that nobody else uses. Who made it removes it. */
export interface MadeContainer {
  readonly sandbox: Sandbox;
  /**
   * Ends it and removes it with its volumes, also when it is gone already.
   * @throws RemoteError `UNREACHABLE`, `REMOTE_REFUSED`.
   */
  remove(): Promise<void>;
}

/**
 * An engine that makes containers from images. Calls are not retried, and may be made at the same time.
 */
export interface ContainerMaker {
  /** Address of the engine, for people; carries no secret. */
  readonly engine: string;
  /**
   * Makes a container without a network, whose one program waits until it is removed. It needs no program of the image.
   * @throws NotFoundError `NOT_FOUND` when the engine does not have the image; SandboxError `EXEC_FAILED` when the engine
   * does not start it; RemoteError `UNREACHABLE`, `REMOTE_REFUSED`; the signal's reason.
   */
  make(request: ContainerRequest): Promise<MadeContainer>;
  /**
   * Removes what processes left that were killed.
   * @returns names of the containers that were removed.
   * @throws RemoteError `UNREACHABLE`, `REMOTE_REFUSED`.
   */
  sweep(): Promise<readonly string[]>;
  close(): Promise<void>;
}
