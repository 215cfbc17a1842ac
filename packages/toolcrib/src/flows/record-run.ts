import { constants, existsSync } from 'node:fs';
import { access, lstat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ToolcribError, UsageError } from '../core/errors.ts';
import type { Notice } from '../core/reporter.ts';
import { onDisk } from '../disk/storage-error.ts';
import { sweepTemporaries } from '../disk/temporary.ts';
import {
  archiveExists,
  createArchiveDraft,
  writeArchive,
  type ArchiveDraft,
  type SignManifest,
} from '../run/archive/write.ts';
import { spawnErrorText, type ProcessFate } from '../run/child-process.ts';
import { exitStatusOf } from '../run/exit-status.ts';
import type { SignalSource } from '../run/follow-command.ts';
import { verifySdkLogHasShim } from '../run/ingest/sdk-log.ts';
import type { CaptureTier } from '../run/observe/observer.ts';
import { recordRun as record, type RunOutcome } from '../run/record-run.ts';
import type { RedactionMode } from '../run/redaction/redactor.ts';
import type { RunSpec } from '../run/run-spec.ts';
import type { KernelRequest, Refusal } from '../run/start-observed.ts';
import type { Host } from './host.ts';
import { openManifestSigner } from './manifest-signer.ts';
import { openObservers } from './open-observers.ts';
import { openRedactionKey, type RedactionKeySource } from './redaction-key.ts';
import { createRunSpec, type RunSpecRequest } from './run-spec.ts';
import type { RunPlace, SandboxRun } from './sandbox-run.ts';
import { prepareSdkLog, type PreparedSdkLog } from './sdk-log.ts';

/** What is to be run, and how it is to be recorded. Paths are meant from the host's working directory. */
export interface RecordRunRequest extends RunSpecRequest {
  /** Where the archive goes; it must not be there yet. */
  readonly output: string;
  /** Seconds. */
  readonly timeout?: number;
  /** Handed on to the command. The host's signal ends it. */
  readonly signals?: SignalSource;
  /** How the kernel is observed. Default: `auto`. */
  readonly kernel?: KernelRequest;
  /** Seconds that descendants are observed after the command's end. */
  readonly drain?: number;
  /** Keep everything that was observed, too. */
  readonly raw?: boolean;
  /** The decision log of a gate: becomes the policy layer. */
  readonly policyLog?: string;
  /** What the agent's SDK tells of itself: becomes the SDK layer. Needs an agent shim. */
  readonly sdkLog?: string;
  /** What is redacted. Default: `shape_and_flag`. */
  readonly redact?: RedactionMode;
  /** Default: the host's key, if there can be one. */
  readonly redactionKey?: RedactionKeySource;
  /** A private key in PEM, Ed25519 or ECDSA on P-256, that signs the archive's manifest. */
  readonly sign?: string;
  /** The sandbox that the command runs in. Default: this machine. */
  readonly place?: RunPlace;
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
  /** How the kernel was observed. */
  readonly kernel: CaptureTier;
  /** What a shell would call it: the command's code, 128+N for a signal, 126, 127. */
  readonly exitStatus: number;
}

/**
 * Runs a command with the standard streams of this process and writes the evidence archive, also of a command that
 * could not be started.
 *
 * A log that cannot be read as a layer does not cost the run its evidence: the archive is written without that layer,
 * and then what is wrong with the log is thrown.
 * @throws UsageError `RUN_SPEC_INVALID`, `USAGE` when the file is there, `CONFIG_INVALID` for a key that cannot sign,
 * `RUN_LOG_INVALID`; SandboxError `NOT_OBSERVABLE`; NotFoundError `NOT_FOUND` for a key or a log; RemoteError `STORAGE`;
 * InterruptedError before the command was started. When the command had run before, the reporter was told how it ended,
 * and so do the details.
 */
export async function recordRun(host: Host, request: RecordRunRequest): Promise<RecordedRun> {
  verifyNamesFile(request.output);
  const path = resolve(host.cwd, request.output);
  await prepareDirectory(host, path);
  const spec = createRunSpec(host, request);
  if (request.sdkLog !== undefined) verifySdkLogHasShim(spec.agent_shim);
  const sign = await openManifestSigner(host, request.sign);
  if (request.place !== undefined) verifyNoShim(spec.agent_shim);
  const sdk = await prepareSdkLog(host, spec, { named: request.sdkLog, output: path });
  const draft = createArchiveDraft({ directory: dirname(path), sweep: request.redact !== 'disabled_unsafe' });
  let sandboxRun: SandboxRun | undefined;
  try {
    sandboxRun = await openPlace(host, request, sdk.spec);
    const outcome = await runInto(draft, host, request, { ...sdk, ...sandboxRun });
    if (outcome.fate !== undefined) host.reporter.notice(unknownEnd(outcome.fate));
    return await finish(host, { path, draft, outcome, sign, sandboxRun });
  } finally {
    await draft.discard();
    await sdk.discard();
    await sandboxRun?.close();
  }
}

function verifyNamesFile(output: string): void {
  if (output !== '' && !output.endsWith('/')) return;
  throw new UsageError('USAGE', `the archive goes into a file, found ${JSON.stringify(output)}`, {
    hint: 'e.g. -o run.tar.gz',
  });
}

/** A run cannot be repeated: its evidence must not be lost to a folder that is not there. */
async function prepareDirectory({ clock }: Host, path: string): Promise<void> {
  if (existsSync(path) || (await isLink(path))) throw archiveExists(path);
  const directory = dirname(path);
  await onDisk('write to', directory, () => access(directory, constants.W_OK));
  await sweepTemporaries(directory, { now: clock.now() });
}

/** Also one that leads nowhere takes the name of an archive. */
async function isLink(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => undefined); // what is wrong there, the directory tells
  return stats?.isSymbolicLink() === true;
}

async function runInto(
  draft: ArchiveDraft,
  host: Host,
  request: RecordRunRequest,
  { spec, log, perturbations, options }: Omit<PreparedSdkLog, 'discard'> & Partial<Pick<SandboxRun, 'options'>>,
): Promise<RunOutcome> {
  const { cwd, env, clock } = host;
  const { kernel = 'auto', raw = false, policyLog, timeout, signals, redact } = request;
  return await record({
    spec,
    cwd,
    env,
    stdio: 'inherit',
    clock,
    draft,
    redactionKey: await openRedactionKey(host, request.redactionKey),
    kernel: { requested: kernel, choices: openObservers(host, kernel, request.drain) },
    raw,
    perturbations,
    logs: { policy: policyLog === undefined ? undefined : resolve(cwd, policyLog), sdk: log },
    onStarted: (tier, refusals) => {
      if (kernel === 'auto') host.reporter.notice({ kind: 'step', text: tierText(tier, refusals) });
    },
    ...(redact !== undefined && { redactionMode: redact }),
    signal: host.signal,
    ...(signals !== undefined && { signals }),
    ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
    ...options,
  });
}

async function openPlace(host: Host, request: RecordRunRequest, spec: RunSpec): Promise<SandboxRun | undefined> {
  const { place, kernel = 'auto', drain } = request;
  if (place === undefined) return undefined;
  const { openSandboxRun } = await import('./sandbox-run.ts');
  return await openSandboxRun(host, place, { command: spec.command, env: spec.env, kernel, drain });
}

/** @throws UsageError `USAGE`: the shim is a file of this machine. */
function verifyNoShim(shim: string): void {
  if (shim === 'none') return;
  throw new UsageError('USAGE', `--agent-shim ${shim} does not reach into a sandbox`, {
    hint: 'run the agent itself with it, outside, or hand its log over with --sdk-log of a run on this machine',
  });
}

function tierText(tier: CaptureTier, refusals: readonly Refusal[]): string {
  const why = refusals.map((refusal) => `${refusal.tier}: ${refusal.reason}`).join('; ');
  return `kernel observed by: ${tier}${why === '' ? '' : ` (${why})`}`;
}

interface Finished {
  readonly path: string;
  readonly draft: ArchiveDraft;
  readonly outcome: RunOutcome;
  readonly sign: SignManifest | undefined;
  readonly sandboxRun: Pick<SandboxRun, 'verifyOutput'> | undefined;
}

async function finish(host: Host, { path, draft, outcome, sign, sandboxRun }: Finished): Promise<RecordedRun> {
  const { spec, exitCode, signal, success, timedOut, tier: kernel } = outcome;
  try {
    const { digest, size } = await writeArchive(path, await draft.seal(spec.run_id, sign));
    sandboxRun?.verifyOutput();
    const [logFailure] = outcome.logFailures;
    if (logFailure !== undefined) throw logFailure;
    const spawnError = outcome.spawnError && spawnErrorText(spec.command[0] ?? '', outcome.spawnError);
    const exitStatus = exitStatusOf(outcome);
    const end = { exitCode, signal, success, timedOut, spawnError, kernel, exitStatus };
    return { runId: spec.run_id, archive: path, digest, size, ...end };
  } catch (error) {
    host.reporter.notice({ kind: 'warning', text: `the command had run: ${fateOf(outcome)}` });
    if (error instanceof ToolcribError) error.addDetails({ exitCode, signal, timedOut });
    throw error;
  }
}

/** @param fate of a command whose observer was killed. */
function unknownEnd(fate: ProcessFate): Notice {
  const now = { gone: 'it is gone', running: 'it still runs', unknown: 'it may still run' }[fate];
  const text = `the observer was killed: how the command ended is not known, ${now}`;
  return { kind: 'warning', text, hint: 'what it started may run on; the archive holds what was seen until then' };
}

/** How a command ended, in words. */
function fateOf({ spec, spawnError, exitCode, signal, timedOut }: RunOutcome): string {
  if (spawnError !== null) return spawnErrorText(spec.command[0] ?? '', spawnError);
  const end = endText(exitCode, signal);
  return timedOut ? `its time was up, ${end}` : end;
}

function endText(exitCode: number | null, signal: number | null): string {
  if (exitCode !== null) return `its exit code is ${exitCode}`;
  return signal === null ? 'how it ended is not known' : `signal ${signal} ended it`;
}
