import { isDigest } from '../../core/digest.ts';
import { IntegrityError, RemoteError } from '../../core/errors.ts';
import { displayUrl } from '../../transfer/display-url.ts';
import type { Reply } from '../../transfer/reply.ts';
import { createTransfer, type SendOptions } from '../../transfer/transfer.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import { createAuthorizer, type CredentialOptions, type Right } from './authorizer.ts';
import { addressOf, type OciReference, type RegistryAddress } from './registry-address.ts';
import { registryFailure } from './registry-failure.ts';

/** A request to a registry. */
export interface RegistryRequest extends Omit<SendOptions, 'authorization'> {
  /** Relative to the repository, e.g. `manifests/v1`, or a whole URL that the registry named. */
  readonly to: string;
  readonly right: Right;
}

/** One repository, with credentials that are asked for when the registry asks for them. */
export interface RegistrySession {
  readonly address: RegistryAddress;
  readonly options: TransferOptions;
  /**
   * Makes a request, and once more with what a 401 asked for. Credentials are shown to the registry's own origin only.
   * @returns an answer of any status.
   * @throws as `Transfer.send` and `Authorizer.answer`.
   */
  send(request: RegistryRequest): Promise<Reply>;
  /** The same for answers of which only some are expected; the others become `registryFailure`. */
  expect(statuses: readonly number[], request: RegistryRequest): Promise<Reply>;
  /** What an answer that the caller cannot use becomes. */
  failure(reply: Reply, request: RegistryRequest): Promise<Error>;
  close(): Promise<void>;
}

export function openSession(
  reference: OciReference,
  options: TransferOptions,
  credentials: CredentialOptions,
): RegistrySession {
  const address = addressOf(reference, options.rewrite);
  const { rewrite } = options;
  // The rules were applied to the address: twice would be once too often.
  const transfer = createTransfer({ ...options, rewrite: [] });
  const authorizer = createAuthorizer({ address, transfer, rewrite, options: credentials });
  const session: RegistrySession = {
    address,
    options,
    async send({ to, right, ...request }) {
      const url = urlOf(address, to);
      const isOwn = (text: string): boolean => URL.parse(text)?.origin === address.origin;
      const attempt = (): Promise<Reply> =>
        transfer.send(url, { ...request, authorization: isOwn(url) ? authorizer.headerFor(right) : undefined });
      const reply = await attempt();
      if (reply.status !== 401 || !isOwn(reply.url) || !(await authorizer.answer(reply, right, request.signal)))
        return reply;
      reply.discard();
      return await attempt();
    },
    async expect(statuses, request) {
      const reply = await session.send(request);
      if (statuses.includes(reply.status)) return reply;
      throw await session.failure(reply, request);
    },
    async failure(reply, { method, right }) {
      const what = `${method} ${reply.url}`;
      return await registryFailure(reply, { what, right, repository: address.repository }, authorizer);
    },
    close: () => transfer.close(),
  };
  return session;
}

/**
 * Resolves what a registry names (RFC 9110, 10.2.2: also relative).
 * @throws RemoteError `REMOTE_REFUSED` for what is no URL, and for one that leaves https.
 */
export function urlOf({ base }: Pick<RegistryAddress, 'base'>, to: string): string {
  const url = URL.parse(to, base);
  const leavesTls = base.startsWith('https:') && url?.protocol !== 'https:';
  if (url !== null && ['http:', 'https:'].includes(url.protocol) && !leavesTls) return url.href;
  throw new RemoteError('REMOTE_REFUSED', `${displayUrl(base)} sends to ${url === null ? 'no URL' : displayUrl(url)}`, {
    hint: 'a registry behind a proxy for TLS has to be told so: its Location headers must begin with https',
  });
}

/**
 * Compares what a registry says of content with what it is or was asked for.
 * @throws IntegrityError `DIGEST_MISMATCH`.
 */
export function verifySaidDigest(reply: Reply, expected: string): void {
  const said = reply.headers.get('docker-content-digest');
  if (said === undefined || said === expected || !said.startsWith('sha256:')) return;
  // What is no digest may be anything, a secret that it was sent among it.
  const actual = isDigest(said) ? said : 'sha256:…';
  throw new IntegrityError('DIGEST_MISMATCH', `${reply.url} has digest ${actual} as it says, expected ${expected}`, {
    hint: 'the registry contradicts itself: do not use it',
    details: { expected, actual },
  });
}
