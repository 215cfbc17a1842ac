import { describe, expect, test } from 'vitest';
import { promoteWorkflow } from '../../../src/promote/workflows/promote-workflow.ts';
import { lintWorkflow, parseAsGithub } from './github-parsers.ts';
import { sampleSettings } from './sample-settings.ts';
import { readWorkflow, type Job } from './workflow-document.ts';

const REST = { actions: 'read', 'id-token': 'write', issues: 'read', 'pull-requests': 'read' };
const SERVER = 'https://github.example.com';

function promoteJob(stores: readonly string[], repository = sampleSettings().repository): Job {
  const { promote } = readWorkflow(promoteWorkflow(sampleSettings({ stores, repository }))).jobs;
  if (promote === undefined) throw new Error('no job promote');
  return promote;
}

const tokensOf = ({ steps }: Job): readonly unknown[] =>
  steps.filter(({ run = '' }) => run.includes(' promote ')).map(({ env }) => env['TOOLCRIB_GITHUB_TOKEN']);
const loginOf = ({ steps }: Job) => steps.find(({ uses = '' }) => uses.startsWith('docker/login-action@'))?.with;

const SECRET = '${{ secrets.TOOLCRIB_GITHUB_TOKEN }}';

describe('the job that publishes', () => {
  test.each([
    ['its own releases', ['github:O/R?tag=x'], 'write', undefined],
    ['those of another repository', ['github:o/other'], 'read', SECRET],
    ['both, with the one token that is good for both', ['github:o/r', 'github:x/y'], 'read', SECRET],
    ['those of the same name on another server', [`github:o/r?endpoint=${SERVER}`], 'read', SECRET],
  ])('has the right to write, or a token, for %s', (_, stores, contents, token) => {
    const job = promoteJob(stores);
    expect(job.permissions).toEqual({ ...REST, contents });
    expect(tokensOf(job)).toEqual([token, token]);
  });

  test('knows its own repository on an Enterprise server', () => {
    const repository = { owner: 'o', repo: 'r', endpoint: SERVER };
    expect(promoteJob([`github:o/r?endpoint=${SERVER}`], repository).permissions['contents']).toBe('write');
    expect(promoteJob(['github:o/r'], repository).permissions['contents']).toBe('read');
    expect(promoteJob(['oci://ghcr.io/o/r'], repository).permissions['packages']).toBeUndefined();
  });

  test('logs in as itself only where all packages are of its owner', () => {
    expect(loginOf(promoteJob(['oci://ghcr.io/o/x']))).toMatchObject({ password: '${{ github.token }}' });
    for (const stores of [['oci://ghcr.io/other/x'], ['oci://ghcr.io/o/x', 'oci://ghcr.io/other/x']]) {
      const foreign = promoteJob(stores);
      expect(foreign.permissions).toEqual({ ...REST, contents: 'read' });
      expect(loginOf(foreign)).toMatchObject({ password: '${{ secrets.REGISTRY_PASSWORD }}' });
    }
  });

  test('is read by GitHub as it is meant, with a token for another repository', async () => {
    const text = promoteWorkflow(sampleSettings({ stores: ['github:o/other', 'oci://ghcr.io/other/x'] }));
    expect(await lintWorkflow('promote-tool-support.yml', text)).toEqual([]);
    expect((await parseAsGithub('promote-tool-support.yml', text)).problems).toEqual([]);
  });
});
