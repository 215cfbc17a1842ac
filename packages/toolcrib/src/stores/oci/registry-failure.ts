import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { IntegrityError, RemoteError, type ToolcribError } from '../../core/errors.ts';
import { redactSecrets } from '../../core/redact-secrets.ts';
import { MAX_TOLD_BYTES, visibleWords } from '../../core/visible-words.ts';
import { mayPass } from '../../transfer/passing-status.ts';
import type { Reply } from '../../transfer/reply.ts';
import type { Authorizer, Right } from './authorizer.ts';
import { jsonFrom } from '../../core/json-fields.ts';

/** A refused request, for messages. */
export interface RefusedRequest {
  /** E.g. `PUT https://…`; where a redirect leads, its path may repeat a secret. */
  readonly what: string;
  readonly right: Right;
  readonly repository: string;
}

/** OCI distribution specification 1.1, "Error Codes". */
const errorSchema = z.object({
  errors: z.array(z.object({ code: z.optional(z.string()), message: z.optional(z.string()) })),
});

/**
 * What an answer that is no success becomes, with the registry's own words.
 * @returns RemoteError `REMOTE_REFUSED`, `UNREACHABLE` for what may pass, with `details.status`, `details.code` and
 * `details.anonymous`; IntegrityError `DIGEST_MISMATCH` when the registry found other bytes than were announced.
 */
export async function registryFailure(
  reply: Reply,
  { what, right, repository }: RefusedRequest,
  authorizer: Pick<Authorizer, 'isAnonymous' | 'secrets'>,
): Promise<ToolcribError> {
  const { status } = reply;
  const secrets = authorizer.secrets();
  const { code, message } = saidIn(await reply.beginning(MAX_TOLD_BYTES), secrets);
  const anonymous = authorizer.isAnonymous();
  const details = { status, code, anonymous };
  const said = [code, message].filter((part) => part !== '').join(': ');
  const text = `${redactSecrets(what, secrets)} answered ${status}${said === '' ? '' : ` (${said})`}`;
  if (status === 400 && code === 'DIGEST_INVALID') return damaged(text, details);
  if (mayPass(status)) return new RemoteError('UNREACHABLE', text, { hint: 'try again later', details });
  return new RemoteError('REMOTE_REFUSED', text, { hint: hintFor(details, right, repository), details });
}

interface Details extends Record<string, string | number | boolean> {
  readonly status: number;
  readonly code: string;
  readonly anonymous: boolean;
}

function damaged(text: string, details: Details): IntegrityError {
  return new IntegrityError('DIGEST_MISMATCH', text, {
    hint: 'the registry did not get the bytes that were announced: the file changed while it was sent, or the way did it',
    details,
  });
}

function saidIn(body: string, secrets: readonly string[]): { readonly code: string; readonly message: string } {
  const { code = '', message = '' } = errorSchema.safeParse(jsonFrom(body)).data?.errors[0] ?? {};
  return { code: visibleWords(code, { secrets }), message: visibleWords(message, { secrets }) };
}

function hintFor({ status, code, anonymous }: Details, right: Right, repository: string): string {
  if (status === 401 || status === 403) {
    return anonymous
      ? `it wants credentials with the right to ${right}: "docker login" as somebody who may ${right} ${repository}`
      : `these credentials are wrong, or have no right to ${right} ${repository} (publishing needs pull and push): log in again with "docker login"`;
  }
  if (code === 'NAME_UNKNOWN') return 'there is no such repository: create it, or correct the name of the store';
  if (status === 413) return 'the registry, or a proxy before it, takes no files of that size';
  if (status === 407) return 'the proxy wants credentials: put them into its URL';
  return 'look at the registry, its quota and the name of the store';
}
