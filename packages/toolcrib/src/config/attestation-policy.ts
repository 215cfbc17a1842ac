import type { AttestationPolicy } from './config.ts';

/** The policy of who says nothing about attestations: none is asked for, none is believed. */
export const NO_ATTESTATION_POLICY: AttestationPolicy = {
  require: false,
  publicKeys: [],
  identities: [],
  source: {},
  trustedRoot: undefined,
  trustedRootDigest: undefined,
};
