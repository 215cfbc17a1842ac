// Verifies files as a process of its own: `verify-offline.ts REQUEST`. Prints the verdicts, and whether a socket opens.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import type { AttestationSubject } from '../../../src/attestations/attestation.ts';
import type { AttestationPolicy } from '../../../src/config/config.ts';
import { createHost } from '../../../src/flows/host.ts';
import { openVerifier } from '../../../src/flows/open-verifier.ts';

/** What such a process is told. */
export interface OfflineRequest {
  readonly policy: AttestationPolicy;
  readonly cacheDirectory: string;
  readonly subject: AttestationSubject;
  /** Name of each attestation, and the path of its bytes. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
}

const [path = ''] = process.argv.slice(2);
const { policy, cacheDirectory, subject, files } = JSON.parse(await readFile(path, 'utf8')) as OfflineRequest;
const verifier = await openVerifier(policy, createHost({ env: {}, cacheDirectory, offline: true }));
const verdicts = await Promise.all(
  files.map(async ({ name, path: file }) => verifier.verify(subject, [{ name, bytes: await readFile(file) }])),
);
// Sigstore's packages are CommonJS: what was loaded of them stands in the cache of `require`.
const loaded = Object.keys(createRequire(import.meta.url).cache).some((each) => each.includes('/@sigstore/'));
process.stdout.write(JSON.stringify({ verdicts, loaded, network: await hasNetwork() }));

function hasNetwork(): Promise<string> {
  return new Promise((resolve) => {
    connect(9, '127.0.0.1').once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}
