import { resolve } from 'node:path';
import { MAX_TRUSTED_ROOT_BYTES, readTrustedRoot, saveTrustedRoot } from '../cache/trusted-roots.ts';
import type { AttestationPolicy } from '../config/config.ts';
import { digestOf } from '../core/digest.ts';
import { NotFoundError, UsageError } from '../core/errors.ts';
import { ifThere, readSmallFile } from '../disk/small-file.ts';
import type { Host } from './host.ts';

/** What became of a trusted root in a bundle. `ignored`: its digest is not the configured one, or none is configured. */
export type BundledRootOutcome = 'kept' | 'ignored' | 'none';

/**
 * The trusted root that goes into a bundle: the given file, else that of the policy, else the cached one of its digest.
 * @param file relative to the host's working directory.
 * @returns undefined when there is none.
 * @throws NotFoundError `NOT_FOUND`; UsageError `USAGE` when the policy expects another; IntegrityError `TOO_LARGE`.
 */
export async function chooseTrustedRoot(
  policy: AttestationPolicy,
  file: string | undefined,
  host: Host,
): Promise<Uint8Array | undefined> {
  const { trustedRoot, trustedRootDigest: expected } = policy;
  const path = file === undefined ? trustedRoot : resolve(host.cwd, file);
  if (path === undefined) return expected && (await readTrustedRoot(host.cacheDirectory, expected));
  const bytes = await ifThere(readSmallFile(path, MAX_TRUSTED_ROOT_BYTES));
  if (bytes === undefined) throw new NotFoundError('NOT_FOUND', `there is no trusted root at ${path}`);
  const actual = digestOf(bytes);
  if (expected === undefined || actual === expected) return bytes;
  throw new UsageError(
    'USAGE',
    `${path} has digest ${actual}, but toolcrib.json expects the trusted root ${expected}`,
    {
      hint: 'it would count for nothing on the other side: bring the one that is expected, or change "trustedRootDigest"',
      details: { path, expected, actual },
    },
  );
}

/**
 * Keeps the trusted root of a bundle if it is the one that the policy names by its digest.
 * @throws as `saveTrustedRoot`.
 */
export async function keepTrustedRoot(
  bytes: Uint8Array | undefined,
  { trustedRootDigest }: AttestationPolicy,
  { cacheDirectory, clock, signal, reporter }: Host,
): Promise<BundledRootOutcome> {
  if (bytes === undefined) return 'none';
  const digest = digestOf(bytes);
  if (trustedRootDigest === digest) {
    await saveTrustedRoot(cacheDirectory, digest, bytes, { now: clock.now(), signal });
    return 'kept';
  }
  reporter.notice({
    kind: 'warning',
    text: `the bundle's trusted root counts for nothing: its digest is ${digest}, ${expectation(trustedRootDigest)}`,
    hint: 'compare that digest with what its sender says, then write it into "attestation" as "trustedRootDigest"',
  });
  return 'ignored';
}

function expectation(expected: string | undefined): string {
  return expected === undefined ? 'and toolcrib.json names none' : `toolcrib.json expects ${expected}`;
}
