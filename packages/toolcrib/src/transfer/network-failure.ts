import { RemoteError, ToolcribError } from '../core/errors.ts';
import { TransientFailure } from './retry.ts';

const SYSTEM_CODES = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EPROTO',
]);

/** Codes of undici that blame the caller: those are bugs and stay what they are. */
const CALLER_CODES = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED']);

/** What OpenSSL's verification says through Node (tls documentation, "X509 certificate error codes"). */
const CERTIFICATE =
  /^(?:CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_CERT|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|ERROR_IN_CERT)/;

/**
 * What a failed connection becomes: a {@link TransientFailure} with RemoteError `UNREACHABLE`, or that RemoteError
 * itself when trying again cannot help. An error that is not the network's is handed back as it is.
 * @param what was being done, e.g. `GET https://…`; carries no secret.
 */
export function networkFailure(error: unknown, what: string): unknown {
  const code = error instanceof ToolcribError ? undefined : networkCode(error);
  if (code === undefined) return error;
  if (CERTIFICATE.test(code)) return untrusted(what, code, error);
  return new TransientFailure(
    new RemoteError('UNREACHABLE', `${what} failed: ${code}`, {
      hint: 'check the network, the proxy and the address, then try again',
      details: { network: code },
      cause: error,
    }),
  );
}

function untrusted(what: string, code: string, cause: unknown): RemoteError {
  return new RemoteError('UNREACHABLE', `${what} failed: the server's certificate is not trusted (${code})`, {
    hint: 'behind a proxy that inspects TLS, name its certificate authority (NODE_EXTRA_CA_CERTS or SSL_CERT_FILE)',
    details: { network: code },
    cause,
  });
}

/** The code of a network error, also of one wrapped by a client; undefined for any other error. */
function networkCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string' && isNetworkCode(error.code)) return error.code;
  // undici gives some of these no code, the AWS SDK none to a server that says nothing more.
  if (error.name === 'HTTPParserError') return 'HPE_INVALID_ANSWER';
  if (error.name === 'TimeoutError' && !(error instanceof DOMException)) return 'ETIMEDOUT';
  if (error instanceof AggregateError) return error.errors.map(networkCode).find((code) => code !== undefined);
  return networkCode(error.cause);
}

function isNetworkCode(code: string): boolean {
  if (SYSTEM_CODES.has(code) || CERTIFICATE.test(code)) return true;
  if (code.startsWith('UND_ERR_')) return !CALLER_CODES.has(code);
  return code.startsWith('HPE_') || code.startsWith('ERR_SSL_') || code === 'ERR_STREAM_PREMATURE_CLOSE';
}
