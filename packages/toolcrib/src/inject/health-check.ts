import { constants } from 'node:os';
import { combineSignals } from '../core/combined-signal.ts';
import type { Clock } from '../core/clock.ts';
import { hasCode, IntegrityError, SandboxError } from '../core/errors.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { InjectableArtifact } from './artifact.ts';
import { collectOutput, tailOf, type ProgramOutput } from './output.ts';
import type { Placement } from './placement.ts';
import { startTool } from './start-tool.ts';

export interface HealthCheck {
  readonly sandbox: Sandbox;
  readonly artifact: InjectableArtifact;
  readonly placement: Pick<Placement, 'command' | 'directory'>;
  /** Unguessable, so that the answer cannot have been prepared. */
  readonly nonce: string;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** How a program ends that cannot go on. signal(7); the numbers are those of all machines of targets. */
const CRASHES = ['SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV', 'SIGSYS'] as const;

/** What is added to a signal's number where an exit code stands for it. */
const BY_SIGNAL = 128;

/** In milliseconds; emulated architectures take seconds. */
const TIMEOUT = 60_000;

/**
 * Runs the tool's health check in the sandbox, as the sandbox's own user. It must end with 0 and print one line of JSON
 * with the nonce, the tool and its version.
 * @throws IntegrityError `VERSION_MISMATCH` when another tool or version answers; SandboxError `NOT_INJECTABLE` with
 * the end of its output when it fails, says nothing usable or takes longer than a minute.
 */
export async function verifyHealth(check: HealthCheck): Promise<void> {
  const { artifact, nonce } = check;
  if (artifact.descriptor.healthcheck.length === 0) {
    throw unhealthy('the artifact names no health check, nothing proves that it runs');
  }
  const output = await run(check);
  const answer = answerIn(output.stdout);
  if (output.code !== 0) throw failed(output);
  if (answer?.nonce !== nonce) throw unhealthy(`the health check did not return the nonce: ${tailOf(output)}`);
  if (answer.tool === artifact.tool && answer.version === artifact.version) return;
  const found = `${String(answer.tool)} v${String(answer.version)}`;
  const expected = `${artifact.tool} v${artifact.version}`;
  throw new IntegrityError(
    'VERSION_MISMATCH',
    `${found} answered in ${check.sandbox.reference}, expected ${expected}`,
    {
      hint: 'the artifact was published under a version that is not its own: build and publish it again',
      details: { expected, found },
    },
  );
}

/** Whether the tool crashed in its health check: it does so wherever it stands, unless the place is the reason. */
export function isCrash(error: unknown): boolean {
  return hasCode(error, 'NOT_INJECTABLE') && error.details['crash'] !== undefined;
}

function failed(output: ProgramOutput): SandboxError {
  const crash = CRASHES.find((name) => output.code === BY_SIGNAL + constants.signals[name]);
  const end = crash === undefined ? output.code : `${output.code} (${crash})`;
  return unhealthy(`the health check ended with ${end}: ${tailOf(output)}`, crash === undefined ? {} : { crash });
}

async function run(check: HealthCheck): Promise<ProgramOutput> {
  const { clock, signal } = check;
  const over = new AbortController();
  const either = combineSignals([signal, over.signal]);
  const args = [...check.artifact.descriptor.healthcheck, '--nonce', check.nonce];
  const timer = clock.sleep(TIMEOUT, either).then(
    () => over.abort(unhealthy(`the health check did not end within ${TIMEOUT / 1000} s`)),
    () => undefined,
  );
  try {
    return await collectOutput(await startTool({ ...check, args, stdin: false, signal: either }));
  } catch (error) {
    // Streams that were cut by the timeout fail in ways of their own.
    throw either.aborted ? either.reason : error;
  } finally {
    over.abort();
    await timer;
  }
}

interface Answer {
  readonly nonce: unknown;
  readonly tool: unknown;
  readonly version: unknown;
}

function answerIn(stdout: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(stdout);
    if (typeof value !== 'object' || value === null) return undefined;
    return { nonce: undefined, tool: undefined, version: undefined, ...value };
  } catch {
    return undefined;
  }
}

function unhealthy(what: string, details: { readonly crash?: string } = {}): SandboxError {
  return new SandboxError('NOT_INJECTABLE', what, { details });
}
