import type { Engine, EngineScheme } from './engine.ts';

/** A container that calls are made for. */
export interface Container {
  readonly engine: Engine;
  /** The command that hints name. */
  readonly command: EngineScheme;
  /** As the user wrote it, e.g. `docker:web`. */
  readonly reference: string;
  /** Path of its calls, e.g. `/containers/ID`. */
  readonly path: string;
  /** As `Sandbox.rootOwner`. */
  readonly rootOwner: number | undefined;
}
