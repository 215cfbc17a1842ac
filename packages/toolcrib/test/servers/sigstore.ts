import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import {
  fulcioHandler,
  initializeCA,
  initializeCTLog,
  initializeTLog,
  initializeTSA,
  rekorHandler,
  tsaHandler,
} from '@sigstore/mock';
import { openSigstoreSigner } from '../../src/attestations/sigstore-signer.ts';
import type { Signer } from '../../src/attestations/attestation.ts';
import { preAuthEncoding } from '../../src/attestations/dsse.ts';

/** What a job of GitHub Actions is certified for, as in its identity token. */
export type Claims = Readonly<Record<string, string>>;

/** A Sigstore instance on 127.0.0.1 that certifies and logs for real, with keys of its own. */
export interface SigstoreInstance extends AsyncDisposable {
  readonly url: string;
  /** `trusted_root.json` of this instance. */
  readonly trustedRoot: Uint8Array;
  /** Answers that were given, as `METHOD path status`. */
  readonly answers: readonly string[];
  /** @param claims of who signs; default {@link CLAIMS}. */
  signer(options?: { readonly claims?: Claims; readonly timestamps?: boolean }): Signer;
}

export interface SigstoreOptions {
  /** Minutes by which the log, the timestamp authority are ahead of the certificate authority. */
  readonly logAheadMinutes?: number;
  readonly tsaAheadMinutes?: number;
  /** False: certificates carry no timestamp of a certificate log. */
  readonly certificateLog?: boolean;
  /** False: the log's answer is only a proof of inclusion, no promise with a time, as that of a log v2. */
  readonly promises?: boolean;
  /** Answers before the instance does, e.g. 503 for a path. */
  readonly fault?: (path: string, body: string) => { readonly status: number; readonly body: string } | undefined;
}

export const ISSUER = 'https://token.actions.githubusercontent.com';
export const REPOSITORY = 'https://github.com/acme/tools';
export const WORKFLOW = '.github/workflows/promote-tool-support.yml';
export const REF = 'refs/heads/main';
export const COMMIT = 'c0ffee'.padEnd(40, '0');
export const RUN = `${REPOSITORY}/actions/runs/42/attempts/1`;
export const SUBJECT = `${REPOSITORY}/${WORKFLOW}@${REF}`;

export const CLAIMS: Claims = {
  iss: ISSUER,
  sub: SUBJECT,
  repository: 'acme/tools',
  workflow_ref: `acme/tools/${WORKFLOW}@${REF}`,
  job_workflow_ref: `acme/tools/${WORKFLOW}@${REF}`,
  ref: REF,
  sha: COMMIT,
  run_id: '42',
  run_attempt: '1',
};

/** A JSON web token with these claims; nobody checks its signature here. */
export function identityToken(claims: Claims = CLAIMS): string {
  const part = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString('base64url');
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${Buffer.from('signature').toString('base64url')}`;
}

export async function startSigstore(options: SigstoreOptions = {}): Promise<SigstoreInstance> {
  const services = await createServices(options);
  const answers: string[] = [];
  const server = createServer((request, response) => {
    void answer(request, services, options).then(({ status, type, body }) => {
      answers.push(`${request.method ?? ''} ${request.url ?? ''} ${status}`);
      response.writeHead(status, { 'content-type': type }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  const url = `http://127.0.0.1:${address.port}`;
  return {
    url,
    answers,
    trustedRoot: Buffer.from(JSON.stringify(services.trustedRoot)),
    signer: ({ claims = CLAIMS, timestamps = false } = {}) =>
      openSigstoreSigner({
        identityToken: () => Promise.resolve(identityToken(claims)),
        offline: false,
        fulcioUrl: url,
        rekorUrl: url,
        tsaUrl: timestamps ? url : undefined,
        requestTimeoutMs: 5_000,
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Services = Awaited<ReturnType<typeof createServices>>;

/**
 * The authority's clock stands from its start on, and certificates, which last ten minutes, are made later: they would not be
 * valid yet at its time if a signature took a second to come.
 */
const TSA_AHEAD_MINUTES = 2;

async function createServices(options: SigstoreOptions) {
  const { logAheadMinutes, tsaAheadMinutes = TSA_AHEAD_MINUTES, certificateLog = true } = options;
  const keys = { ca: ecKey(), ct: ecKey(), log: ecKey(), tsa: ecKey() };
  const ctLog = await initializeCTLog(keys.ct);
  const ca = await initializeCA(keys.ca, certificateLog ? ctLog : undefined);
  const tlog = await initializeTLog('http://127.0.0.1', keys.log, ahead(logAheadMinutes));
  const tsa = await initializeTSA(keys.tsa, wholeSecond(tsaAheadMinutes));
  const chain = (...certificates: ArrayBufferView[]) => ({
    certificates: certificates.map((each) => ({ rawBytes: base64(each) })),
  });
  const always = { start: '2020-01-01T00:00:00.000Z' };
  const log = (key: ReturnType<typeof ecKey>) => {
    const rawBytes = key.publicKey.export({ type: 'spki', format: 'der' });
    return {
      baseUrl: 'http://127.0.0.1',
      hashAlgorithm: 'SHA2_256',
      publicKey: { rawBytes: base64(rawBytes), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: always },
      logId: { keyId: createHash('sha256').update(rawBytes).digest('base64') },
    };
  };
  const subject = { organization: 'sigstore.mock', commonName: 'sigstore' };
  const authority = (certChain: object) => ({ subject, uri: 'http://127.0.0.1', certChain, validFor: always });
  return {
    fulcio: fulcioHandler(ca),
    rekor: rekorHandler(tlog),
    tsa: tsaHandler(tsa),
    trustedRoot: {
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [log(keys.log)],
      certificateAuthorities: [authority(chain(ca.rootCertificate))],
      ctlogs: [log(keys.ct)],
      timestampAuthorities: [authority(chain(tsa.intCertificate, tsa.rootCertificate))],
    },
  };
}

function ecKey() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function ahead(minutes = 0): Date | undefined {
  return minutes === 0 ? undefined : new Date(Date.now() + minutes * 60_000);
}

/** A time with a fraction of one or two digits, which an authority may write, is more than Sigstore's client reads. */
function wholeSecond(minutesAhead: number): Date {
  return new Date(Math.ceil(Date.now() / 1000 + minutesAhead * 60) * 1000);
}

function base64(bytes: ArrayBufferView): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
}

async function answer(request: IncomingMessage, services: Services, options: SigstoreOptions): Promise<Answer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(Buffer.from(piece as Uint8Array));
  const body = Buffer.concat(pieces).toString('utf8');
  const path = request.url ?? '';
  const fault = options.fault?.(path, body);
  if (fault !== undefined) return { ...fault, type: 'application/json' };
  if (path === services.fulcio.path) return answerOf(await services.fulcio.fn(body));
  if (path === services.tsa.path) return answerOf(await services.tsa.fn(body));
  if (path !== services.rekor.path) return { status: 404, type: 'text/plain', body: 'no such service' };
  const logged = answerOf(await services.rekor.fn(JSON.stringify(canonicalEntry(body))));
  return options.promises === false ? { ...logged, body: withoutPromise(String(logged.body)) } : logged;
}

function answerOf(result: Awaited<ReturnType<Services['fulcio']['fn']>>): Answer {
  const { statusCode, response, contentType = 'text/plain' } = result;
  const body =
    typeof response === 'string' ? response : new Uint8Array(response.buffer, response.byteOffset, response.byteLength);
  return { status: statusCode, type: contentType, body };
}

function withoutPromise(body: string): string {
  return body.replace(/,"signedEntryTimestamp":"[^"]*"/, '');
}

interface ProposedEntry {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: { readonly proposedContent: { readonly envelope: string; readonly verifiers: readonly string[] } };
}

interface ProposedEnvelope {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly sig: string }[];
}

/** What Rekor makes of a proposed DSSE entry after it verified its signatures: hashes instead of the envelope. */
function canonicalEntry(body: string): object {
  const { apiVersion, kind, spec } = JSON.parse(body) as ProposedEntry;
  const { envelope, verifiers } = spec.proposedContent;
  const { payload, payloadType, signatures } = JSON.parse(envelope) as ProposedEnvelope;
  const bytes = Buffer.from(payload, 'base64');
  const hash = (of: string | Uint8Array) => ({
    algorithm: 'sha256',
    value: createHash('sha256').update(of).digest('hex'),
  });
  const logged = signatures.map(({ sig }, at) => {
    const verifier = verifiers[at] ?? '';
    const pem = Buffer.from(verifier, 'base64').toString('utf8');
    const signed = preAuthEncoding(payloadType, bytes);
    if (!verify('sha256', signed, pem, Buffer.from(sig, 'base64')))
      throw new Error('a signature is not that of its certificate');
    return { signature: sig, verifier };
  });
  return { apiVersion, kind, spec: { envelopeHash: hash(envelope), payloadHash: hash(bytes), signatures: logged } };
}
