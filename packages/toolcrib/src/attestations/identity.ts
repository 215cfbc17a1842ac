import { subjectPattern } from '../core/subject-pattern.ts';

/** Who a certificate is for: the OIDC issuer that vouched, and whom it vouched for. */
export interface Identity {
  readonly issuer: string;
  readonly subject: string;
}

/**
 * Whether a policy's identity is that of a certificate: the issuer is compared exactly, the subject exactly or by a
 * regular expression that the whole subject matches.
 */
export function trustsIdentity(trusted: Identity, certified: Identity): boolean {
  if (trusted.issuer !== certified.issuer) return false;
  return subjectPattern(trusted.subject)?.test(certified.subject) ?? trusted.subject === certified.subject;
}
