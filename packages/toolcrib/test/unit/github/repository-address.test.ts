import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRepositoryName, repositoryOfRemote } from '../../../src/github/repository.ts';
import { failureOf } from '../core/failure.ts';

describe('the address of a remote', () => {
  const owner = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9-]{0,10}$/);
  const repo = fc.stringMatching(/^[A-Za-z0-9._-]{1,10}$/).filter((name) => !/^\.{1,2}$|\.git$/.test(name));

  test('says owner and repository, in each of the forms that git knows', () => {
    fc.assert(
      fc.property(owner, repo, (o, r) => {
        const address = { owner: o, repo: r, endpoint: undefined };
        for (const remote of [
          `https://github.com/${o}/${r}`,
          `https://github.com/${o}/${r}.git`,
          `https://user:secret@github.com/${o}/${r}.git`,
          `git@github.com:${o}/${r}.git`,
          `ssh://git@github.com/${o}/${r}.git`,
          `ssh://git@ssh.github.com:443/${o}/${r}.git`,
        ]) {
          expect(repositoryOfRemote(remote)).toEqual(address);
        }
        expect(repositoryOfRemote(`git@ghe.example:${o}/${r}`)).toEqual({
          ...address,
          endpoint: 'https://ghe.example',
        });
        expect(repositoryOfRemote(`http://127.0.0.1:8080/${o}/${r}`)?.endpoint).toBe('http://127.0.0.1:8080');
      }),
    );
  });

  test.each(['/srv/git/x', '../x', 'https://github.com/x', 'https://github.com/a/b/c', 'https://github.com/a/..', ''])(
    '%j is of no server',
    (remote) => expect(repositoryOfRemote(remote)).toBeUndefined(),
  );

  test('that is written by hand is OWNER/REPO', () => {
    expect(parseRepositoryName('o/r', undefined)).toEqual({ owner: 'o', repo: 'r', endpoint: undefined });
    for (const text of ['o', 'o/r/x', 'o/..', '-o/r', 'o r/x', '']) {
      expect(failureOf(() => parseRepositoryName(text, undefined)).code).toBe('USAGE');
    }
  });
});
