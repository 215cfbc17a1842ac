import type { Clock } from '../../../src/core/clock.ts';
import type { Notice, Reporter } from '../../../src/core/reporter.ts';
import { openGithub, type Github, type GithubOptions } from '../../../src/github/client.ts';
import { startGithub, type GithubServer } from '../../servers/github/github-server.ts';

export const REPOSITORY = { owner: 'octo-org', repo: 'tools' };
export const WRITER = 'ghp_mayWrite0123456789abcdefghijklmnop';
export const READER = 'ghp_mayRead00123456789abcdefghijklmnop';

export function startTools(): Promise<GithubServer> {
  return startGithub({
    repositories: [{ name: 'octo-org/tools' }, { name: 'octo-org/secrets', private: true }],
    tokens: { [WRITER]: 'write', [READER]: 'read' },
  });
}

/** A clock whose waits are over at once, and remembered; the time goes on by them. */
export interface QuickClock extends Clock {
  /** Milliseconds of each wait. */
  readonly waits: number[];
}

export function quickClock(): QuickClock {
  const waits: number[] = [];
  let passed = 0;
  return {
    waits,
    now: () => Date.now() + passed,
    elapsed: () => passed,
    sleep(ms, signal) {
      signal?.throwIfAborted();
      waits.push(ms);
      passed += ms;
      return Promise.resolve();
    },
  };
}

/** Remembers what it is told. */
export function rememberingReporter(): Reporter & { readonly notices: Notice[] } {
  const notices: Notice[] = [];
  return {
    notices,
    notice: (notice) => void notices.push(notice),
    progress: () => ({ advance: () => undefined, end: () => undefined }),
  };
}

/** A client of the stand-in with the owner's token, that waits for nothing. */
export function openClient(
  endpoint: string,
  transfer: Partial<GithubOptions['transfer']> = {},
  options: Partial<GithubOptions> = {},
): Github {
  const clock = quickClock();
  return openGithub({
    endpoint,
    token: WRITER,
    transfer: { offline: false, rewrite: [], random: () => 0.5, clock, ...transfer },
    ...options,
  });
}
