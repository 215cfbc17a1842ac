// What verifies bundles of Sigstore is heavy: this file is imported when it is needed. It is a static export, because
// named exports of a CommonJS package do not survive the bundling of a dynamic import.
export { bundleFromJSON, bundleToJSON } from '@sigstore/bundle';
export { TrustedRoot } from '@sigstore/protobuf-specs';
export { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
