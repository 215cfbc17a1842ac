import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { registryAvailable, registryUser, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Server } from '../../servers/s3.ts';
import { ISSUER, WORKFLOW } from '../../servers/sigstore.ts';
import { documentOf } from '../cli/command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { jobOf, NATIVE, openedPull, OTHER, PERSON, REPOSITORY, resultsOf, said, TOKENS } from './workflow-stage.ts';

const servers = requireOrSkip((await s3Available()) ?? (await registryAvailable()));

describe.concurrent('the workflows, with the very commands that they run', () => {
  test('bring a change from a pull request to a signed release, and build it once', async () => {
    await using stage = await openedPull();
    const { actions, checkout, cli } = stage;
    const pull = actions.pulls.get(7);
    if (pull === undefined) throw new Error('no pull request');

    const first = await stage.build(100);
    expect(resultsOf(first), said(first)).toEqual({
      'Detect what changed': 'success',
      [`Build ${NATIVE}-any`]: 'success',
      [`Build ${OTHER}-any`]: 'success',
      'Compute SHA256SUMS': 'success',
      'Tool support': 'failure', // the sums are not committed
      'Comment on the pull request': 'success',
    });
    expect(jobOf(first, `Build ${NATIVE}-any`).log).toContain(`synthetic-${NATIVE}-any-v2 runs`);
    expect(jobOf(first, `Build ${OTHER}-any`).log).toContain(`synthetic-${OTHER}-any-v2 was examined, not run`);
    expect(actions.comments).toHaveLength(1);
    expect(actions.comments[0]?.body).toContain('toolcrib fetch --run 100 --sums');
    const { log } = jobOf(first, 'Comment on the pull request');
    expect(log.match(/checked out .*/g)).toEqual([`checked out ${actions.branches.get('main') ?? ''}`]);

    const fetched = await cli('fetch', '--run', '100', '--sums');
    expect(fetched, fetched.stderr).toMatchObject({ code: 0 });
    const patch = actions.runs[0]?.artifacts.find(({ name }) => name === 'synthetic-v2-sums');
    expect(patch?.zip.includes('SHA256SUMS.patch')).toBe(true);
    expect(await stage.git('status', '--porcelain')).toBe('M SHA256SUMS');
    pull.head = await stage.push('feature', 'Pin what CI built');

    const second = await stage.build(101);
    expect(resultsOf(second), said(second)).toEqual({
      'Detect what changed': 'success',
      'Build ${{ matrix.target }}': 'skipped',
      'Compute SHA256SUMS': 'skipped',
      'Tool support': 'failure', // the release is not in the store
      'Comment on the pull request': 'success',
    });
    expect(actions.comments).toHaveLength(1);
    expect(actions.comments[0]?.body).not.toContain('fetch --run');

    const early = await stage.promote(200, { pr: '7' });
    expect(resultsOf(early)).toMatchObject({
      'Verify what is to be promoted': 'failure',
      'Attest and publish': 'skipped',
    });
    expect(said(early)).toContain('is not approved');

    pull.reviews.push({ user: 'maintainer', state: 'APPROVED', commit: pull.head });
    const [approved, before] = [pull.head, await stage.git('rev-parse', 'HEAD~1')];
    let looks = 0;
    stage.github.fault = ({ path }) => {
      // After the first job has looked, while somebody approves the environment.
      if (path.endsWith('/pulls/7') && (looks += 1) === 2) pull.head = before;
      return undefined;
    };
    pull.reviews.push({ user: 'admin', state: 'APPROVED', commit: before });
    actions.permissions.set('admin', 'admin');
    const late = await stage.promote(201, { pr: '7' });
    expect(resultsOf(late), said(late)).toMatchObject({
      'Verify what is to be promoted': 'success',
      'Attest and publish': 'failure',
    });
    expect(said(late)).toContain('somebody has pushed');
    stage.github.fault = () => undefined;
    pull.head = approved;

    const promoted = await stage.promote(202, { pr: '7' });
    expect(resultsOf(promoted), said(promoted)).toEqual({
      'Verify what is to be promoted': 'success',
      'Rebuild ${{ matrix.target }}': 'skipped',
      'Attest and publish': 'success',
    });
    expect(jobOf(promoted, 'Attest and publish').summary).toContain('### synthetic v2');
    const store = await readdir(join(stage.folder, 'store'));
    expect(store).toContain('synthetic-v2.json');
    expect(store.filter((name) => name.endsWith('.sigstore.json'))).toHaveLength(2);
    const sums = await readFile(join(checkout, 'SHA256SUMS'), 'utf8');
    expect(await readFile(join(stage.folder, 'store', 'synthetic-v2.SHA256SUMS'), 'utf8')).toBe(sums);

    const third = await stage.build(102);
    expect(resultsOf(third), said(third)).toMatchObject({ 'Tool support': 'success' });
    expect(actions.comments[0]?.body).toContain('the merge gate is open');
    const all = [first, second, early, late, promoted, third].map(said).join('\n');
    for (const token of [...Object.values(TOKENS), PERSON]) expect(all).not.toContain(token);
  });

  test(
    'publish to stores that hide from strangers, signed as the policy requires, with secrets of the environment only',
    servers,
    async () => {
      await using bucket = await freshBucket();
      await using registry = await startRegistry({ auth: 'htpasswd' });
      const { name, password } = registryUser;
      const auth = Buffer.from(`${name}:${password}`).toString('base64');
      await using home = await scratchProject({ 'config.json': { auths: { [registry.host]: { auth } } } });
      const keys = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };
      const { endpoint, region } = s3Server;
      const stores = [
        `s3://${bucket.name}?endpoint=${endpoint}&pathStyle=true&region=${region}`,
        `oci://${registry.host}/tools`,
      ];
      await using stage = await openedPull({
        stores,
        attestation: ({ github, trustedRoot }) => ({
          require: true,
          identities: [{ issuer: ISSUER, subject: `${github}/${REPOSITORY}/${WORKFLOW}@refs/heads/main` }],
          trustedRoot,
        }),
        developer: { ...keys, DOCKER_CONFIG: home.folder },
        secrets: { ...keys, REGISTRY_USERNAME: name, REGISTRY_PASSWORD: password },
      });
      const pull = stage.actions.pulls.get(7);
      if (pull === undefined) throw new Error('no pull request');
      const built = await stage.build(100);
      expect(resultsOf(built), said(built)).toMatchObject({ 'Compute SHA256SUMS': 'success' });
      const fetched = await stage.cli('fetch', '--run', '100', '--sums');
      expect(fetched, fetched.stderr).toMatchObject({ code: 0 });
      pull.head = await stage.push('feature', 'Pin');
      pull.reviews.push({ user: 'maintainer', state: 'APPROVED', commit: pull.head });
      const promoted = await stage.promote(200, { pr: '7' });
      expect(resultsOf(promoted), said(promoted)).toMatchObject({
        'Verify what is to be promoted': 'success',
        'Attest and publish': 'success',
      });
      for (const store of stores) {
        await writeFile(join(stage.checkout, 'one-store.json'), JSON.stringify({ ...stage.config, stores: [store] }));
        await rm(join(stage.checkout, 'binaries'), { recursive: true, force: true });
        await rm(join(stage.checkout, 'cache'), { recursive: true, force: true });
        const brought = await stage.cli('--config', 'one-store.json', 'fetch', '--all', '--json');
        expect(documentOf(brought), brought.stderr).toMatchObject({
          version: 2,
          artifacts: [{ tier: 'store' }, { tier: 'store' }],
        });
      }
      for (const secret of [password, s3Server.secretAccessKey]) expect(said(promoted)).not.toContain(secret);
    },
  );

  test('name the architecture that failed, with a link to its log, in a comment of their own', async () => {
    await using stage = await openedPull();
    await writeFile(join(stage.checkout, 'other.bin'), 'no executable');
    const pull = stage.actions.pulls.get(7);
    if (pull === undefined) throw new Error('no pull request');
    pull.head = await stage.push('feature', 'Break one architecture');
    const body = '<!-- toolcrib: build report of synthetic -->\nall is well';
    stage.actions.comments.push({ id: 1, issue: 7, author: 'User', body });
    const jobs = await stage.build(100);
    expect(stage.actions.comments[0]?.body).toBe(body);
    expect(resultsOf(jobs), said(jobs)).toEqual({
      'Detect what changed': 'success',
      [`Build ${NATIVE}-any`]: 'success',
      [`Build ${OTHER}-any`]: 'failure',
      'Compute SHA256SUMS': 'skipped',
      'Tool support': 'failure',
      'Comment on the pull request': 'success',
    });
    expect(stage.actions.comments.map(({ author }) => author)).toEqual(['User', 'Bot']);
    const comment = stage.actions.comments[1];
    expect(comment?.body).toContain('the build failed');
    expect(comment?.body).toMatch(/failed: \[log\]\(http:\S+\/actions\/runs\/100\/job\/\d+\)/);
    expect(jobOf(jobs, 'Tool support').summary).toContain('the build failed');
  });

  test('say "not attested" in the summary where the token of a fork may not comment', async () => {
    await using stage = await openedPull();
    const jobs = await stage.build(100, { fork: true });
    expect(resultsOf(jobs)).toMatchObject({ 'Compute SHA256SUMS': 'success' });
    expect(stage.actions.comments).toEqual([]);
    expect(jobOf(jobs, 'Tool support').summary).toContain('**not attested**');
    const { summary } = jobOf(jobs, 'Comment on the pull request');
    expect(summary).toContain('No comment could be written');
    expect(summary).toContain('**not attested**');
  });

  test('build a pull request of a fork again in jobs without secrets, and promote that', async () => {
    await using stage = await openedPull();
    const pull = stage.actions.pulls.get(7);
    if (pull === undefined) throw new Error('no pull request');
    await stage.build(100, { fork: true });
    await stage.cli('fetch', '--run', '100', '--sums');
    pull.head = await stage.push('feature', 'Pin');
    pull.headRepository = 'x/y';
    pull.reviews.push({ user: 'maintainer', state: 'APPROVED', commit: pull.head });
    const refused = await stage.promote(200, { pr: '7' });
    expect(said(refused)).toContain('artifacts of a fork are never trusted');
    const promoted = await stage.promote(201, { pr: '7', rebuild: true });
    expect(resultsOf(promoted), said(promoted)).toEqual({
      'Verify what is to be promoted': 'success',
      [`Rebuild ${NATIVE}-any`]: 'success',
      [`Rebuild ${OTHER}-any`]: 'success',
      'Attest and publish': 'success',
    });
    expect(await readdir(join(stage.folder, 'store'))).toContain('synthetic-v2.json');
  });

  test('build nothing and pass for a pull request that changes nothing that ships, without a comment', async () => {
    await using stage = await openedPull();
    const pull = stage.actions.pulls.get(7);
    if (pull === undefined) throw new Error('no pull request');
    await stage.git('checkout', '--quiet', '-B', 'docs', 'HEAD~1');
    await mkdir(join(stage.checkout, 'docs'));
    await writeFile(join(stage.checkout, 'docs', 'README.md'), 'words\n');
    pull.head = await stage.push('docs', 'Write');
    const jobs = await stage.build(100);
    expect(resultsOf(jobs), said(jobs)).toMatchObject({ 'Compute SHA256SUMS': 'skipped', 'Tool support': 'success' });
    expect(stage.actions.comments).toEqual([]);
    expect(documentOf(await stage.cli('check', '--json', '--base', 'main'))).toMatchObject({ verdict: 'ok' });
  });
});
