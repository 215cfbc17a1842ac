import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { onDisk } from '../disk/storage-error.ts';
import { archiveExists, writeArchive } from '../run/archive/write.ts';
import { spawnErrorText } from '../run/child-process.ts';
import { exitStatusOf } from '../run/exit-status.ts';
import { platformName } from '../run/platform.ts';
import { recordRun as record, type SignalSource } from '../run/record-run.ts';
import { createEphemeralKey } from '../run/redaction/key.ts';
import { createRunSpec } from '../run/run-spec.ts';
import type { Host } from './host.ts';

export interface RecordRunRequest {
  readonly command: readonly string[];
  /** Where the archive goes; it must not be there yet. */
  readonly output: string;
  readonly runId?: string;
  /** Set for the command; only the names are recorded. */
  readonly env?: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly timeout?: number;
  /** Handed on to the command; without it, the host's signal ends it. */
  readonly signals?: SignalSource;
}

/** What became of a recorded run. */
export interface RecordedRun {
  readonly runId: string;
  /** Absolute. */
  readonly archive: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  readonly exitCode: number | null;
  /** Number of the signal that ended it. */
  readonly signal: number | null;
  readonly success: boolean;
  readonly timedOut: boolean;
  readonly spawnError: string | null;
  /** What a shell would call it: the command's code, 128+N for a signal, 126, 127. */
  readonly exitStatus: number;
}

/**
 * Runs a command with the standard streams of this process and writes the evidence archive, also of a command that
 * could not be started. Nothing watches the command in this version, and the archive says so.
 * @throws UsageError `RUN_SPEC_INVALID`, `USAGE` when the file is there; RemoteError `STORAGE`.
 */
export async function recordRun(host: Host, request: RecordRunRequest): Promise<RecordedRun> {
  const { clock, random, env, cwd } = host;
  const path = resolve(cwd, request.output);
  if (existsSync(path)) throw archiveExists(path);
  // A run cannot be repeated: its evidence must not be lost to a folder that is not there.
  await onDisk('write to', dirname(path), () => access(dirname(path), constants.W_OK));
  const spec = createRunSpec(request.command, {
    platform: platformName(process.platform),
    random,
    ...(request.runId !== undefined && { runId: request.runId }),
    ...(request.env !== undefined && { env: request.env }),
  });
  const outcome = await record({
    spec,
    cwd,
    env,
    stdio: 'inherit',
    clock,
    redactionKey: createEphemeralKey(random),
    ...(request.signals === undefined ? { signal: host.signal } : { signals: request.signals }),
    ...(request.timeout !== undefined && { timeoutMs: request.timeout * 1000 }),
  });
  const { digest, size } = await writeArchive(path, outcome.archive);
  const { exitCode, signal, success, timedOut } = outcome;
  const spawnError = outcome.spawnError && spawnErrorText(spec.command[0] ?? '', outcome.spawnError);
  const exitStatus = exitStatusOf(outcome);
  return {
    runId: spec.run_id,
    archive: path,
    digest,
    size,
    exitCode,
    signal,
    success,
    timedOut,
    spawnError,
    exitStatus,
  };
}
