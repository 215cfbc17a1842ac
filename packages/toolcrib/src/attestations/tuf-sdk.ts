// The client of The Update Framework is heavy: this file is imported when a trusted root is fetched.
export { initTUF } from '@sigstore/tuf';
