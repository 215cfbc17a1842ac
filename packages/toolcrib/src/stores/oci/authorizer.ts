import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { RemoteError } from '../../core/errors.ts';
import { onePiece } from '../../core/one-piece.ts';
import { displayUrl } from '../../transfer/display-url.ts';
import { mayPass } from '../../transfer/passing-status.ts';
import type { Reply } from '../../transfer/reply.ts';
import { rewriteUrl, type RewriteRule } from '../../transfer/rewrite.ts';
import type { Transfer } from '../../transfer/transfer.ts';
import { parseChallenge, type Challenge } from './challenge.ts';
import { askCredentialHelper } from './ask-credentials.ts';
import { credentialSourceOf, readDockerConfig, type RegistryCredentials } from './docker-config.ts';
import { jsonFrom } from '../../core/json-fields.ts';
import type { RegistryAddress } from './registry-address.ts';

/** What a request needs to be allowed to. */
export type Right = 'pull' | 'push';

/** Where a user's credentials are. */
export interface CredentialOptions {
  /** `DOCKER_CONFIG` or `~/.docker`; undefined: only anonymous requests, and those that a rewrite rule carries. */
  readonly dockerConfig?: string | undefined;
  /** The environment of credential helpers. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly helperDeadlineMs?: number | undefined;
}

/** Answers the challenges of one repository's registry, and remembers the answers. */
export interface Authorizer {
  /** The header that was accepted last for this right; undefined as long as none was asked for. */
  headerFor(right: Right): string | undefined;
  /**
   * Gets what a 401 asks for.
   * @returns false when there is nothing that was not tried.
   * @throws UsageError, RemoteError as the credential helper; RemoteError `REMOTE_REFUSED` of the token server.
   */
  answer(challenged: Reply, right: Right, signal: AbortSignal | undefined): Promise<boolean>;
  /** False as soon as credentials of a user were sent. */
  isAnonymous(): boolean;
  /** All that is secret and was sent. */
  secrets(): readonly string[];
}

interface Context {
  readonly address: RegistryAddress;
  readonly transfer: Transfer;
  readonly rewrite: readonly RewriteRule[];
  readonly options: CredentialOptions;
}

/** Tokens are JWTs with lists of rights: long, but not endless. */
const MAX_TOKEN_BYTES = 256 * 1024;

const tokenSchema = z.object({ token: z.optional(z.string()), access_token: z.optional(z.string()) });

export function createAuthorizer(context: Context): Authorizer {
  const { address, options } = context;
  const headers = new Map<Right, string>();
  const secrets = new Set(secretsIn(address.authorization));
  let credentials: Promise<RegistryCredentials | undefined> | undefined;
  let anonymous = address.authorization === undefined;
  const remember = (right: Right, header: string): boolean => {
    const isNew = headers.get(right) !== header;
    headers.set(right, header);
    for (const secret of secretsIn(header)) secrets.add(secret);
    return isNew;
  };
  const find = async (signal: AbortSignal | undefined): Promise<RegistryCredentials | undefined> => {
    // A failed look-up is not kept: the next request may have another signal.
    credentials ??= findCredentials(address, options, signal);
    const found = await credentials.catch((error: unknown) => {
      credentials = undefined;
      throw error;
    });
    if (found === undefined) return undefined;
    anonymous = false;
    secrets.add(found.kind === 'identity' ? found.token : found.password);
    return found;
  };
  return {
    headerFor: (right) => headers.get(right) ?? address.authorization,
    async answer(challenged, right, signal) {
      const challenge = parseChallenge(challenged.headers.get('www-authenticate'));
      if (challenge === undefined) return false;
      const found = await find(signal);
      if (challenge.scheme === 'basic')
        return found?.kind === 'password' ? remember(right, basic(found.user, found.password)) : false;
      const token = await fetchToken(context, { challenge, right, credentials: found, signal });
      return remember(right, `Bearer ${token}`);
    },
    isAnonymous: () => anonymous,
    secrets: () => [...secrets],
  };
}

/** Of an `Authorization` header: what it carries, and the password in that. */
function secretsIn(header: string | undefined): readonly string[] {
  const [scheme, value = ''] = header?.split(' ') ?? [];
  const password =
    scheme === 'Basic'
      ? Buffer.from(value, 'base64')
          .toString('utf8')
          .replace(/^[^:]*:/, '')
      : '';
  return [value, password].filter((secret) => secret !== '');
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

async function findCredentials(
  { host }: RegistryAddress,
  { dockerConfig, env = {}, helperDeadlineMs }: CredentialOptions,
  signal: AbortSignal | undefined,
): Promise<RegistryCredentials | undefined> {
  const source = credentialSourceOf(await readDockerConfig(dockerConfig), host);
  if (source === undefined || source.kind === 'stored') return source?.credentials;
  const { helper, key } = source;
  return await askCredentialHelper({ helper, key, env, deadlineMs: helperDeadlineMs, signal });
}

interface TokenRequest {
  readonly challenge: Extract<Challenge, { scheme: 'bearer' }>;
  readonly right: Right;
  readonly credentials: RegistryCredentials | undefined;
  readonly signal: AbortSignal | undefined;
}

/** By GET, or with an identity token by POST (distribution's "Docker Registry v2 authentication" and "OAuth2"). */
async function fetchToken(context: Context, request: TokenRequest): Promise<string> {
  const { challenge, signal } = request;
  const realm = realmOf(context, challenge.realm);
  const credentials = realm.isTrusted ? request.credentials : undefined;
  const scopes = (challenge.scope ?? scopeOf(context.address, request.right)).split(' ').filter((each) => each !== '');
  const reply =
    credentials?.kind === 'identity'
      ? await refresh(
          context.transfer,
          realm.url,
          { service: challenge.service, scopes, token: credentials.token },
          signal,
        )
      : await context.transfer.send(withQuery(realm.url, challenge.service, scopes).href, {
          method: 'GET',
          ...(credentials && { authorization: basic(credentials.user, credentials.password) }),
          retry: true,
          signal,
        });
  if (reply.status !== 200) throw tokenRefused(reply, realm, { credentials, right: request.right });
  const answer = tokenSchema.safeParse(jsonFrom(await reply.whole(MAX_TOKEN_BYTES))).data;
  const token = answer?.token ?? answer?.access_token;
  // A header cannot carry anything else; neither can a token be that.
  if (token !== undefined && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new RemoteError('REMOTE_REFUSED', `${displayUrl(realm.url)} answered without a token`, {
    hint: 'the token server of that registry does not follow the protocol: tell its operators',
  });
}

function scopeOf({ repository }: RegistryAddress, right: Right): string {
  return `repository:${repository}:${right === 'push' ? 'pull,push' : 'pull'}`;
}

/** Where tokens are asked for. */
interface Realm {
  readonly url: URL;
  /** False where a rewrite rule leads to somebody else: the registry did not name that server, so it gets no credentials. */
  readonly isTrusted: boolean;
}

/** Credentials go where the registry says, but not in the clear when the registry itself is not. */
function realmOf({ address, rewrite }: Context, text: string): Realm {
  const url = URL.parse(rewriteUrl(text, rewrite));
  const isClear = url?.protocol === 'http:' && address.origin.startsWith('http:');
  if (url !== null && (url.protocol === 'https:' || isClear))
    return { url, isTrusted: [URL.parse(text)?.origin, address.origin].includes(url.origin) };
  throw new RemoteError(
    'REMOTE_REFUSED',
    `${address.origin} sends to a token server without TLS: ${displayUrl(text)}`,
    {
      hint: 'a registry that is reached by https has to have such a token server',
    },
  );
}

function withQuery(realm: URL, service: string | undefined, scopes: readonly string[]): URL {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  return url;
}

async function refresh(
  transfer: Transfer,
  realm: URL,
  { service, scopes, token }: { service: string | undefined; scopes: readonly string[]; token: string },
  signal: AbortSignal | undefined,
): Promise<Reply> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: 'toolcrib',
    refresh_token: token,
    scope: scopes.join(' '),
    ...(service !== undefined && { service }),
  });
  const bytes = Buffer.from(form.toString());
  return await transfer.send(realm.href, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: { size: bytes.byteLength, open: () => onePiece(bytes) },
    retry: true,
    signal,
  });
}

/** What it says in its body may repeat what it was sent: only the status is told. */
function tokenRefused(
  reply: Reply,
  { url, isTrusted }: Realm,
  { credentials, right }: Pick<TokenRequest, 'credentials' | 'right'>,
): RemoteError {
  reply.discard();
  const { status } = reply;
  const what = `the token server ${displayUrl(url)} answered ${status}`;
  const anonymous = credentials === undefined;
  const details = { status, anonymous };
  if (mayPass(status)) return new RemoteError('UNREACHABLE', what, { hint: 'try again later', details });
  return new RemoteError('REMOTE_REFUSED', what, { hint: refusalHint({ isTrusted, anonymous, right }), details });
}

function refusalHint(asked: { isTrusted: boolean; anonymous: boolean; right: Right }): string {
  const { isTrusted, anonymous, right } = asked;
  if (!isTrusted) return 'a rule in "rewrite" leads to that server, so it was shown no credentials: drop the rule';
  if (anonymous) return `log in with "docker login" to an account that may ${right}`;
  return `these credentials are wrong, have expired, or have no right to ${right}: log in again with "docker login"`;
}
