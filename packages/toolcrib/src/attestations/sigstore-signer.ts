import type { DSSEBundleBuilder } from '@sigstore/sign';
import { combineSignals } from '../core/combined-signal.ts';
import { RemoteError, ToolcribError } from '../core/errors.ts';
import { redactSecrets } from '../core/redact-secrets.ts';
import { abandonable } from './abandonable.ts';
import type { Signer } from './attestation.ts';
import { messagesOf } from './causes.ts';
import { IN_TOTO_PAYLOAD_TYPE } from './dsse.ts';
import type { IdentityTokenSource } from './identity-token.ts';
import { formatProvenance } from './provenance.ts';
import type * as SignSdk from './sign-sdk.ts';

/** How Sigstore is asked to certify. */
export interface SigstoreSignerOptions {
  readonly identityToken: IdentityTokenSource;
  /** True: nothing is signed, because Sigstore's services would have to be asked. */
  readonly offline: boolean;
  /** Default: those of the public instance. */
  readonly fulcioUrl?: string | undefined;
  readonly rekorUrl?: string | undefined;
  /** A timestamp authority that is asked besides the log. Default: none. */
  readonly tsaUrl?: string | undefined;
  /** Milliseconds that one request may take. Default: 20 seconds. */
  readonly requestTimeoutMs?: number | undefined;
}

const REQUEST_TIMEOUT_MS = 20_000;
const RETRIES = 2;
/** Identity, certificate, log and time stamp, each asked for up to three times. */
const REQUESTS = 4 * (RETRIES + 1);

/**
 * Signs without a key of one's own: Fulcio certifies a key that lives for this signature only, for the identity of the
 * job; Rekor logs the signature. Its attestations are Sigstore bundles v0.3, `NAME.sigstore.json`.
 *
 * Each call of `sign` asks the services anew. It throws UsageError `USAGE` when there is no identity; RemoteError
 * `OFFLINE`, `REMOTE_REFUSED`, `UNREACHABLE`; the signal's reason.
 */
export function openSigstoreSigner(options: SigstoreSignerOptions): Signer {
  return {
    suffix: '.sigstore.json',
    async sign(subject, source, { signal } = {}) {
      signal?.throwIfAborted();
      if (options.offline) throw offline();
      const statement = Buffer.from(formatProvenance(subject, source));
      const bundle = await signStatement(statement, options, signal);
      return { name: `${subject.name}.sigstore.json`, bytes: Buffer.from(`${JSON.stringify(bundle)}\n`) };
    },
  };
}

async function signStatement(data: Buffer, options: SigstoreSignerOptions, signal: AbortSignal | undefined) {
  const tokens: string[] = [];
  const limit = (options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS) * REQUESTS;
  const deadline = AbortSignal.timeout(limit);
  const either = combineSignals([signal, deadline]);
  const identityProvider = {
    async getToken() {
      const token = await options.identityToken(either);
      tokens.push(token);
      return token;
    },
  };
  try {
    const sdk = await import('./sign-sdk.ts');
    const builder = createBuilder(sdk, options, identityProvider);
    return sdk.bundleToJSON(await abandonable(builder.create({ data, type: IN_TOTO_PAYLOAD_TYPE }), either));
  } catch (error) {
    signal?.throwIfAborted();
    if (deadline.aborted) throw unreachable(`no answer within ${limit / 1000} seconds`);
    throw failureOf(error, tokens);
  }
}

function createBuilder(
  sdk: typeof SignSdk,
  options: SigstoreSignerOptions,
  identityProvider: { getToken(): Promise<string> },
): DSSEBundleBuilder {
  const { fulcioUrl, rekorUrl, tsaUrl, requestTimeoutMs: timeout = REQUEST_TIMEOUT_MS } = options;
  const request = { timeout, retry: RETRIES };
  return new sdk.DSSEBundleBuilder({
    signer: new sdk.FulcioSigner({ ...request, identityProvider, ...(fulcioUrl && { fulcioBaseURL: fulcioUrl }) }),
    witnesses: [
      new sdk.RekorWitness({ ...request, entryType: 'dsse', ...(rekorUrl && { rekorBaseURL: rekorUrl }) }),
      ...(tsaUrl ? [new sdk.TSAWitness({ ...request, tsaBaseURL: tsaUrl })] : []),
    ],
    certificateChain: false,
  });
}

/** What went wrong, without the token, which a service may have quoted. The cause is not kept for the same reason. */
function failureOf(error: unknown, tokens: readonly string[]): ToolcribError {
  const own = ownErrorIn(error);
  if (own !== undefined) return own;
  const text = messagesOf(error, (message) => withoutTokens(message, tokens));
  const status = statusIn(error);
  if (status === undefined || status >= 500 || status === 408 || status === 429) return unreachable(text);
  return new RemoteError('REMOTE_REFUSED', `Sigstore refused: ${text}`, {
    hint: 'Fulcio certifies identities of issuers that it knows: look at the message of the service',
    details: { status },
  });
}

/** Also parts of tokens: a service may quote the claims alone. */
function withoutTokens(message: string, tokens: readonly string[]): string {
  const parts = tokens.flatMap((token) => token.split('.'));
  return redactSecrets(message, [...tokens, ...parts], { isCut: true }).replaceAll(/eyJ[\w-]{8,}[\w.-]*/g, '***');
}

function unreachable(what: string): RemoteError {
  return new RemoteError('UNREACHABLE', `Sigstore did not sign: ${what}`, {
    hint: 'check the network and https://status.sigstore.dev, then try again; or sign with a key',
  });
}

/** Sigstore's client wraps what the source of identity tokens throws. */
function ownErrorIn(error: unknown): ToolcribError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof ToolcribError) return at;
  return undefined;
}

function statusIn(error: unknown): number | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('statusCode' in at && typeof at.statusCode === 'number') return at.statusCode;
  }
  return undefined;
}

function offline(): RemoteError {
  return new RemoteError('OFFLINE', 'offline: Sigstore was not asked to sign', {
    hint: 'sign with a key, which needs no network, or run it without --offline',
  });
}
