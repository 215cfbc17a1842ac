import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { zipOf } from '../../servers/github/actions-state.ts';
import { registryAvailable, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Server } from '../../servers/s3.ts';
import { documentOf, toolcrib } from '../cli/command-line.ts';
import { BUILT, BUILT_COMMIT, NAMES, promotionSite, REPOSITORY, TOKEN, type PromotionSite } from './promotion-site.ts';

const s3 = requireOrSkip(await s3Available());
const registries = requireOrSkip(await registryAvailable());

/** A job that has a token for GitHub and no other credentials. */
const promote = (site: PromotionSite, ...args: readonly string[]) =>
  toolcrib(['promote', '--pr', '7', '--json', ...args], {
    cwd: site.project.folder,
    env: { ...site.env, AWS_EC2_METADATA_DISABLED: 'true' },
  });

const VERIFIED = { builtCommit: BUILT_COMMIT, version: 2, publication: null, approvedBy: ['maintainer'] };

/** A site whose checkout has these keys in its configuration. */
async function siteWith(config: Readonly<Record<string, unknown>>): Promise<PromotionSite> {
  const site = await promotionSite();
  const given = { tool: 'demo', targets: ['amd64-any', 'arm64-any'], stores: ['file:./store'], ...config };
  await site.project.write('toolcrib.json', JSON.stringify(given));
  return site;
}

describe.concurrent('promote --verify-only artifacts, with no credentials but those for GitHub', () => {
  test('verifies where a private bucket would have to be asked', s3, async () => {
    await using bucket = await freshBucket();
    const store = `s3://${bucket.name}?endpoint=${s3Server.endpoint}&pathStyle=true&region=${s3Server.region}`;
    await using site = await siteWith({ stores: [store] });
    expect((await promote(site, '--dry-run')).code).toBe(7);
    const end = await promote(site, '--verify-only', 'artifacts');
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(documentOf(end)).toMatchObject(VERIFIED);
  });

  test('verifies where a registry wants a login', registries, async () => {
    await using registry = await startRegistry({ auth: 'htpasswd' });
    await using site = await siteWith({ stores: [`oci://${registry.host}/tools`] });
    expect((await promote(site, '--dry-run')).code).toBe(7);
    const end = await promote(site, '--verify-only', 'artifacts');
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(documentOf(end)).toMatchObject(VERIFIED);
  });

  test('verifies where the policy requires attestations, which a later job makes', async () => {
    await using site = await siteWith({ attestation: { require: true, publicKeys: ['key.pub'] } });
    const { publicKey } = generateKeyPairSync('ed25519');
    await site.project.write('key.pub', publicKey.export({ type: 'spki', format: 'pem' }).toString());
    expect((await promote(site, '--dry-run')).code).toBe(5);
    const end = await promote(site, '--verify-only', 'artifacts');
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(documentOf(end)).toMatchObject(VERIFIED);
  });

  test('asks for its own repository with its own token, where another one is for a store', async () => {
    await using site = await promotionSite();
    const other = 'ghp_other0123456789abcdefghijklmnopqrstuv';
    const job = { ...site.env, GITHUB_ACTIONS: 'true', TOOLCRIB_GITHUB_TOKEN: other };
    const options = { cwd: site.project.folder, env: { ...job, GITHUB_REPOSITORY: REPOSITORY } };
    const end = await toolcrib(['promote', '--pr', '7', '--verify-only', 'artifacts'], options);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(site.github.requests.some(({ headers }) => headers.authorization?.includes(other))).toBe(false);
  });

  test('refuses artifacts that are not those that were approved, and one that nobody approved', async () => {
    await using site = await promotionSite();
    const [name] = NAMES;
    const [artifact] = site.run.artifacts;
    const bytes = Buffer.from(BUILT[name] ?? '').fill(9, 0x1f00);
    if (artifact !== undefined) artifact.zip = await zipOf({ [name]: bytes });
    expect((await promote(site, '--verify-only', 'artifacts')).code).toBe(4);
    expect((await promote(site, '--verify-only', 'approval')).code).toBe(0);
    site.pull.reviews.length = 0;
    const end = await promote(site, '--verify-only', 'artifacts');
    expect(documentOf(end)).toMatchObject({ error: { details: { demand: 'approval' } } });
    expect(end.stdout + end.stderr).not.toContain(TOKEN);
  });

  test.each([
    [['--verify-only', 'everything'], 'expected "approval" or "artifacts"'],
    [['--verify-only', 'artifacts', '--dry-run'], '"dryRun" says how to publish'],
    [['--verify-only', 'approval', '--sign', 'sigstore'], '"sign" says how to publish'],
  ])('is refused where it means nothing: %j', async (args, words) => {
    await using site = await promotionSite();
    const end = await promote(site, ...args);
    expect(end.code).toBe(2);
    expect(end.stdout).toContain(JSON.stringify(words).slice(1, -1));
    expect(site.github.requests).toEqual([]);
  });
});
