import { closeSync, openSync } from 'node:fs';

/**
 * Asks this kernel for a file that is not there. Who observes the kernel from outside and sees the name knows that it is
 * this kernel, and which of its processes stands here: no other one knows the nonce.
 */
export function openSentinel(nonce: string): void {
  try {
    closeSync(openSync(`/toolcrib-sentinel-${nonce}`, 'r'));
  } catch {
    // It is not there, which is what was to be seen.
  }
}
