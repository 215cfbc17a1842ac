import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { looksAtAttestations } from '../../../src/attestations/enforce.ts';
import type { AttestationPolicy } from '../../../src/config/config.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { createHost } from '../../../src/flows/host.ts';
import { openVerifier } from '../../../src/flows/open-verifier.ts';
import { failureOfAsync } from '../core/failure.ts';
import { createScratch } from '../disk/scratch.ts';
import { attest, createKey, policyOf, SUBJECT } from './samples.ts';

const open = (folder: string, policy: Partial<AttestationPolicy>) =>
  openVerifier(policyOf(policy), createHost({ env: {}, cacheDirectory: join(folder, 'cache'), offline: true }));
const identities = [{ issuer: 'https://token.actions.githubusercontent.com', subject: 'https://github.com/a/b' }];

describe('opening a verifier', () => {
  test('reads the public keys of the policy', async () => {
    await using scratch = await createScratch();
    const [alice, mallory] = [createKey(), createKey()];
    const path = join(scratch.path, 'key.pub.pem');
    await writeFile(path, alice.key.export({ type: 'spki', format: 'pem' }));
    const verifier = await open(scratch.path, { publicKeys: [path] });
    const statuses = [alice, mallory].map((key) => verifier.verify(SUBJECT, [attest(key)]).status);
    expect(statuses).toEqual(['verified', 'untrusted']);
  });

  test('of a policy that trusts nobody finds nothing to trust', async () => {
    await using scratch = await createScratch();
    expect(looksAtAttestations(policyOf({ require: true }))).toBe(true);
    const verifier = await open(scratch.path, { require: true });
    expect(verifier.verify(SUBJECT, [attest(createKey())]).status).toBe('untrusted');
    expect(verifier.verify(SUBJECT, []).status).toBe('missing');
  });

  test('names the file that cannot be used', async () => {
    await using scratch = await createScratch();
    const [none, rubbish] = [join(scratch.path, 'none'), join(scratch.path, 'rubbish')];
    await writeFile(rubbish, 'rubbish');
    for (const [policy, what] of [
      [{ publicKeys: [none] }, `there is no public key at ${none}`],
      [{ publicKeys: [rubbish] }, `${rubbish} does not hold exactly one "-----BEGIN PUBLIC KEY-----"`],
      [{ publicKeys: [scratch.path] }, scratch.path],
      [{ identities, trustedRoot: none }, `there is no trusted root at ${none}`],
      [{ identities, trustedRoot: rubbish }, `${rubbish} is not a trusted root of Sigstore`],
    ] as const) {
      const error = await failureOfAsync(() => open(scratch.path, policy));
      expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringContaining(what)]);
    }
  });

  test('finds no trusted root of a digest that nobody brought, or that was changed since', async () => {
    await using scratch = await createScratch();
    const trustedRootDigest = digestOf('a trusted root');
    const folder = join(scratch.path, 'cache/v1/trusted-roots');
    await mkdir(folder, { recursive: true });
    for (const there of [undefined, 'another trusted root']) {
      if (there !== undefined) await writeFile(join(folder, `${trustedRootDigest.slice(7)}.json`), there);
      const error = await failureOfAsync(() => open(scratch.path, { identities, trustedRootDigest }));
      expect([error.code, error.message]).toEqual([
        'NOT_FOUND',
        `the trusted root ${trustedRootDigest} is not in the cache`,
      ]);
    }
  });

  test('needs a trusted root only for identities, and offline says that there is none', async () => {
    await using scratch = await createScratch();
    await open(scratch.path, { trustedRoot: '/none', trustedRootDigest: digestOf('x') });
    expect((await failureOfAsync(() => open(scratch.path, { identities }))).code).toBe('OFFLINE');
  });

  test('tells a pattern that is none before anything is verified', async () => {
    await using scratch = await createScratch();
    const half = [{ issuer: 'https://x', subject: '^https://github' }];
    expect((await failureOfAsync(() => open(scratch.path, { identities: half }))).code).toBe('CONFIG_INVALID');
  });
});
