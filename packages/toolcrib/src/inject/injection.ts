import type { Clock } from '../core/clock.ts';
import type { Reporter } from '../core/reporter.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { InjectableArtifact } from './artifact.ts';

/** What an injection needs. */
export interface Injection {
  readonly sandbox: Sandbox;
  readonly artifact: InjectableArtifact;
  /** Parents of placements, absolute paths of the sandbox, in order of preference. */
  readonly install: readonly string[];
  /** Directory of the ledger on the host; made when it is not there. */
  readonly ledger: string;
  readonly clock: Clock;
  /** Unguessable bytes: names of placements and nonces. */
  readonly random: (size: number) => Uint8Array;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}
