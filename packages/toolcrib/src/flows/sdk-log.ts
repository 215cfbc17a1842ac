import { dirname, resolve } from 'node:path';
import { createTemporary, discardTemporary, sweepTemporaries, type TemporaryFile } from '../disk/temporary.ts';
import { agentShimEnvironment, agentShimPerturbation, findAgentShim } from '../run/ingest/agent-shim.ts';
import type { RunLogs } from '../run/ingest-logs.ts';
import type { RunSpec } from '../run/run-spec.ts';
import type { Host } from './host.ts';

/** Where the SDK of a run writes, and how it finds that. */
export interface PreparedSdkLog {
  /** The spec with the variables that the command needs for it. */
  readonly spec: RunSpec;
  readonly log: RunLogs['sdk'];
  /** What it changes for the command, one sentence each. */
  readonly perturbations: readonly string[];
  /** Removes what was made for it. */
  discard(): Promise<void>;
}

/**
 * Prepares a log for the SDK that the spec names, and lets every Node of the command load the shim that writes it.
 * @param named the file that the user named; else one is made, and goes with the run.
 * @param output absolute path of the archive: it is made beside that where there is no better place.
 * @throws NotFoundError `NOT_FOUND` when the shim is not there; RemoteError `STORAGE`.
 */
export async function prepareSdkLog(
  host: Host,
  spec: RunSpec,
  { named, output }: { readonly named: string | undefined; readonly output: string },
): Promise<PreparedSdkLog> {
  if (spec.agent_shim === 'none') {
    return { spec, log: undefined, perturbations: [], discard: () => Promise.resolve() };
  }
  const shimPath = findAgentShim(spec.agent_shim);
  const path = named === undefined ? await createLog(host, dirname(output)) : resolve(host.cwd, named);
  const nodeOptions = spec.env['NODE_OPTIONS'] ?? host.env['NODE_OPTIONS'];
  const shim = agentShimEnvironment({ runId: spec.run_id, logPath: path, shimPath, nodeOptions });
  return {
    spec: { ...spec, env: { ...spec.env, ...shim } },
    log: { path, mayBeEmpty: named === undefined },
    perturbations: [agentShimPerturbation(spec.agent_shim)],
    discard: () => (named === undefined ? discardTemporary(path) : Promise.resolve()),
  };
}

/**
 * A folder below which opens are left out of the kernel layer: the name of the log is another one in each run, so that no
 * two archives of the same command would be the same.
 */
const UNSEEN = '/dev/shm';

/** What a recorder that was killed leaves there, the next one removes. */
async function createLog({ clock }: Host, beside: string): Promise<string> {
  const { path, handle } = await createUnseen(clock.now()).catch(() => createTemporary(beside, 0o600));
  await handle.close();
  return path;
}

async function createUnseen(now: number): Promise<TemporaryFile> {
  // What others left there is not for this user to remove.
  await sweepTemporaries(UNSEEN, { now }).catch(() => undefined);
  return await createTemporary(UNSEEN, 0o600);
}
