import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { AttestationVerdict } from '../../../src/attestations/attestation.ts';
import { saveTrustedRoot } from '../../../src/cache/trusted-roots.ts';
import type { AttestationPolicy } from '../../../src/config/config.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { ISSUER, startSigstore, SUBJECT as SIGNER } from '../../servers/sigstore.ts';
import { attest, createKey, policyOf, SOURCE, SUBJECT } from '../../unit/attestations/samples.ts';
import { createScratch } from '../../unit/disk/scratch.ts';
import { programsMissing } from '../build/samples.ts';
import type { OfflineRequest } from './verify-offline.ts';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('verify-offline.ts', import.meta.url));

describe('with the network taken away', requireOrSkip(await programsMissing('unshare')), () => {
  /** What a process says that has no network, not even that of this machine. */
  async function verify(folder: string, request: Omit<OfflineRequest, 'cacheDirectory' | 'subject'>) {
    const path = join(folder, 'request.json');
    await writeFile(path, JSON.stringify({ ...request, cacheDirectory: join(folder, 'cache'), subject: SUBJECT }));
    const { stdout } = await run('unshare', ['-n', process.execPath, PROGRAM, path]);
    return JSON.parse(stdout) as { verdicts: AttestationVerdict[]; loaded: boolean; network: string };
  }

  test('what a key signed is verified, what it did not is not, and nothing of Sigstore is loaded', async () => {
    await using scratch = await createScratch();
    const key = createKey();
    const publicKey = join(scratch.path, 'key.pub.pem');
    await writeFile(publicKey, key.key.export({ type: 'spki', format: 'pem' }));
    const files = await Promise.all(
      [attest(key), attest(createKey()), attest(key, { statement: '{}' })].map(async ({ name, bytes }, at) => {
        await writeFile(join(scratch.path, `${at}`), bytes);
        return { name, path: join(scratch.path, `${at}`) };
      }),
    );
    const { verdicts, loaded, network } = await verify(scratch.path, {
      policy: policyOf({ publicKeys: [publicKey] }),
      files,
    });
    expect(verdicts.map(({ status }) => status)).toEqual(['verified', 'untrusted', 'wrong']);
    expect([loaded, network]).toEqual([false, 'ENETUNREACH']);
  });

  test('what Sigstore certified is verified: by a trusted root under git, and by one that a bundle brought', async () => {
    await using scratch = await createScratch();
    await using sigstore = await startSigstore();
    const { name, bytes } = await sigstore.signer().sign(SUBJECT, SOURCE);
    const path = join(scratch.path, name);
    await writeFile(path, bytes);
    const trustedRoot = join(scratch.path, 'trusted_root.json');
    await writeFile(trustedRoot, sigstore.trustedRoot);
    const trustedRootDigest = digestOf(sigstore.trustedRoot);
    await saveTrustedRoot(join(scratch.path, 'cache'), trustedRootDigest, sigstore.trustedRoot, { now: Date.now() });
    const identities = [{ issuer: ISSUER, subject: SIGNER }];
    const strangers = [{ issuer: ISSUER, subject: `${SIGNER}2` }];
    const statusOf = async (policy: Partial<AttestationPolicy>): Promise<unknown> => {
      const { verdicts, loaded, network } = await verify(scratch.path, {
        policy: policyOf(policy),
        files: [{ name, path }],
      });
      return [verdicts[0]?.status, loaded, network];
    };
    expect(await statusOf({ identities, trustedRoot })).toEqual(['verified', true, 'ENETUNREACH']);
    expect(await statusOf({ identities, trustedRootDigest })).toEqual(['verified', true, 'ENETUNREACH']);
    expect(await statusOf({ identities: strangers, trustedRoot })).toEqual(['untrusted', true, 'ENETUNREACH']);
  });
});
