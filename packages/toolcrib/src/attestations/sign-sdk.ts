// Sigstore's clients are heavy: this file is imported when something is signed.
export { bundleToJSON } from '@sigstore/bundle';
export { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from '@sigstore/sign';
