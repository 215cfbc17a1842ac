import { spawn, type ChildProcess } from 'node:child_process';
import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { combineSignals } from '../../core/combined-signal.ts';
import { isSystemError, RemoteError, UsageError } from '../../core/errors.ts';
import { endOfProcessGroup, killProcessGroup } from '../../disk/process-group.ts';
import type { RegistryCredentials } from './docker-config.ts';
import { jsonFrom } from '../../core/json-fields.ts';

/** A program `docker-credential-HELPER` that is asked for the credentials of one registry. */
export interface HelperCall {
  /** As `config.json` names it. */
  readonly helper: string;
  /** The registry, as the helper knows it. */
  readonly key: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds; 30,000 when absent: some wait for a key to be touched. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const DEADLINE_MS = 30_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

/** What helpers say of a registry that they do not know (docker-credential-helpers, "Error handling"). */
const UNKNOWN = 'credentials not found in native keychain';

const answerSchema = z.object({ Username: z.string(), Secret: z.string() });

/**
 * Asks a credential helper, by the protocol of docker-credential-helpers: the registry on stdin, JSON on stdout.
 * @returns undefined when it has none for that registry.
 * @throws UsageError `CONFIG_INVALID` when it cannot be started; RemoteError `REMOTE_REFUSED` when it fails, takes too
 * long or answers something else; the signal's reason. No message holds what it wrote to stdout: that is the secret.
 */
export async function askCredentialHelper(call: HelperCall): Promise<RegistryCredentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(call.helper)) throw notStarted(call, 'that is not the name of a helper');
  const { code, output } = await run(call);
  if (code !== 0) {
    if (output.includes(UNKNOWN)) return undefined;
    throw failed(call, `ended with ${code}`);
  }
  const answer = answerSchema.safeParse(jsonFrom(output)).data;
  if (answer === undefined) throw failed(call, 'answered something else than credentials');
  const { Username: user, Secret: secret } = answer;
  if (secret === '') return undefined;
  return user === '<token>' ? { kind: 'identity', token: secret } : { kind: 'password', user, password: secret };
}

async function run(call: HelperCall): Promise<{ readonly code: number | string; readonly output: string }> {
  call.signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(call.deadlineMs ?? DEADLINE_MS);
  const child = spawn(`docker-credential-${call.helper}`, ['get'], {
    env: { ...call.env },
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const output = collectOutput(child);
  // One that does not read what it was asked closes the pipe: its answer tells.
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${call.key}\n`);
  const code = await endOfProcessGroup(child, combineSignals([call.signal, deadline]));
  call.signal?.throwIfAborted();
  if (code instanceof Error)
    throw notStarted(call, isSystemError(code, 'ENOENT') ? 'it was not found' : code.message, code);
  if (deadline.aborted) throw failed(call, 'took too long');
  return { code, output: output() };
}

/** Nobody's credentials are longer: what comes after that is not kept. */
function collectOutput(child: ChildProcess): () => string {
  const pieces: Buffer[] = [];
  let size = 0;
  child.stdout?.on('data', (piece: Buffer) => {
    size += piece.byteLength;
    if (size > MAX_OUTPUT_BYTES) killProcessGroup(child);
    else pieces.push(piece);
  });
  return () => Buffer.concat(pieces).toString('utf8');
}

function notStarted({ helper }: HelperCall, why: string, cause?: Error): UsageError {
  const name = JSON.stringify(`docker-credential-${helper}`);
  return new UsageError('CONFIG_INVALID', `cannot start the credential helper ${name}: ${why}`, {
    hint: 'install it and put it on the PATH, or correct credsStore and credHelpers in the configuration of Docker',
    cause,
  });
}

function failed({ helper, key }: HelperCall, how: string): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `the credential helper docker-credential-${helper} ${how} for ${key}`, {
    hint: `run "echo ${key} | docker-credential-${helper} get" to see what is wrong, or log in again`,
    details: { helper },
  });
}
