import { messageOf } from '../core/errors.ts';
import type { CertifiedSource } from './binding.ts';
import type { BundleVerdict } from './verifier.ts';

/** What Sigstore's verifier says of a certificate. */
export interface CertificateIdentity {
  readonly subjectAlternativeName?: string | undefined;
  readonly extensions?: { readonly issuer?: string | undefined };
  readonly oids?: readonly {
    readonly oid?: { readonly id: readonly number[] } | undefined;
    /** The extension's value as it stands in the certificate: a UTF8String in DER. */
    readonly value: Uint8Array;
  }[];
}

/** Of https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md, under 1.3.6.1.4.1.57264.1. */
const EXTENSIONS = { repository: 12, commit: 13, ref: 14, workflow: 18, run: 21 } as const;
const FULCIO_ARC = '1.3.6.1.4.1.57264.1';

/** Reads who a certificate is for and which job it was issued to. */
export function readCertifiedSigner(identity: CertificateIdentity): BundleVerdict {
  const { subjectAlternativeName: subject, extensions: { issuer } = {} } = identity;
  if (!subject || !issuer) return { status: 'wrong', reason: 'its certificate does not say for whom it is' };
  try {
    const read = (part: keyof typeof EXTENSIONS): string | null => extensionOf(identity, EXTENSIONS[part]);
    const repository = read('repository');
    const workflow = workflowPath(read('workflow'), repository);
    const source: CertifiedSource = {
      repository,
      workflow,
      ref: read('ref'),
      commit: read('commit'),
      run: read('run'),
    };
    return { status: 'verified', signer: { issuer, subject, source } };
  } catch (error) {
    return { status: 'wrong', reason: `its certificate cannot be read: ${messageOf(error)}` };
  }
}

/** Null when the certificate has no such extension. */
function extensionOf({ oids = [] }: CertificateIdentity, last: number): string | null {
  const oid = `${FULCIO_ARC}.${last}`;
  const found = oids.filter((each) => each.oid?.id.join('.') === oid);
  if (found.length > 1) throw new Error(`extension ${oid} stands there twice`);
  const [extension] = found;
  return extension === undefined ? null : utf8String(extension.value, oid);
}

/** The text of a UTF8String in DER: tag 12, length in the short form or as 0x81 and 0x82 announce it. */
function utf8String(der: Uint8Array, oid: string): string {
  const [tag, first = 0] = der;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const start = 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : der.subarray(2, start).reduce((sum, byte) => sum * 256 + byte, 0);
  if (tag !== 0x0c || lengthBytes > 2 || start + length !== der.byteLength) {
    throw new Error(`extension ${oid} is not a UTF8String`);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(der.subarray(start));
}

/** Of `REPOSITORY/PATH@REF`, a workflow's URI, the path; null when it is not of that repository. */
function workflowPath(uri: string | null, repository: string | null): string | null {
  if (uri === null || repository === null || !uri.startsWith(`${repository}/`)) return null;
  return uri.slice(repository.length + 1).split('@')[0] ?? null;
}
