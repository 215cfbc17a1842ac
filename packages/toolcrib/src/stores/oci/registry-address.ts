import type { StoreReference } from '../../core/reference.ts';
import { locationOf } from '../../transfer/location.ts';
import { rewriteUrl, type RewriteRule } from '../../transfer/rewrite.ts';

export type OciReference = Extract<StoreReference, { kind: 'oci' }>;

/** Where a repository really is, after rewrites. */
export interface RegistryAddress {
  /** E.g. `https://ghcr.io/v2/owner/tool/`. */
  readonly base: string;
  /** E.g. `https://ghcr.io`: credentials are shown to it only. */
  readonly origin: string;
  /** With its port: what credentials are looked up by. */
  readonly host: string;
  readonly repository: string;
  /** Credentials that a rewrite rule carries. */
  readonly authorization: string | undefined;
}

/** Rules are applied to the beginning of every URL of the repository, once. */
export function addressOf(
  { host, repository, plainHttp }: OciReference,
  rewrite: readonly RewriteRule[],
): RegistryAddress {
  const asked = `${plainHttp ? 'http' : 'https'}://${apiHost(host)}/v2/${repository}/`;
  const { url, authorization } = locationOf(rewriteUrl(asked, rewrite), undefined);
  return { base: url.href, origin: url.origin, host: url.host, repository, authorization };
}

/** Docker Hub's API has a name of its own. */
function apiHost(host: string): string {
  return host === 'docker.io' || host === 'index.docker.io' ? 'registry-1.docker.io' : host;
}
