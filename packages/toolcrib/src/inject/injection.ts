import type { Clock } from '../core/clock.ts';
import type { Reporter } from '../core/reporter.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { InjectableArtifact } from './artifact.ts';
import type { HostTree } from './host-tree.ts';

/** What an injection needs. */
export interface Injection {
  readonly sandbox: Sandbox;
  readonly artifact: InjectableArtifact;
  /** Parents of placements, absolute paths of the sandbox, in order of preference. */
  readonly install: readonly string[];
  /** Directory of the ledger on the host; made when it is not there. */
  readonly ledger: string;
  /** The artifact's tree on this host, to be mounted where that holds against root in the sandbox; absent: it is copied. */
  readonly hostTree?: HostTree | undefined;
  /** True: a mount that is there is not used, since a copy is wanted. Default: false. */
  readonly isCopyWanted?: boolean;
  readonly clock: Clock;
  /** Unguessable bytes: names of placements and nonces. */
  readonly random: (size: number) => Uint8Array;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}
