import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PullRequest, Review } from '../../../src/github/pulls.ts';
import { reviewersOf, verifyApproval, verifyPull, type PullDemands } from '../../../src/promote/verify-approval.ts';
import { failureOf } from '../core/failure.ts';

const HEAD = 'c'.repeat(40);
const EARLIER = 'b'.repeat(40);
const PULL: PullRequest = {
  number: 7,
  state: 'open',
  merged: false,
  author: 'dev',
  head: { sha: HEAD, ref: 'feature', repository: 'o/r' },
  base: { ref: 'main' },
};
const DEMANDS: PullDemands = { repository: 'O/R', baseBranch: 'main', rebuilds: false, commit: undefined };

const review = (login: string, state: string, commit = HEAD): Review => ({
  user: { login, type: 'User' },
  state,
  commit,
});

const demandOf = (call: () => unknown): unknown => failureOf(call).details['demand'];

describe('a pull request', () => {
  test('of this repository into the base branch is fine, however its name is written', () => {
    expect(() => verifyPull(PULL, DEMANDS)).not.toThrow();
  });

  test('of a fork, or of a repository that is gone, is promoted only when it is rebuilt', () => {
    for (const repository of ['x/y', undefined]) {
      const fork = { ...PULL, head: { sha: HEAD, ref: 'feature', repository } };
      expect(demandOf(() => verifyPull(fork, DEMANDS))).toBe('fork');
      expect(() => verifyPull(fork, { ...DEMANDS, rebuilds: true })).not.toThrow();
    }
  });
});

describe('an approval', () => {
  const writers = new Set(['ann', 'bob']);
  const approvedBy = (...reviews: readonly Review[]) => verifyApproval(PULL, reviews, writers, []);

  test('counts for exactly the head, and the last word of each reviewer is the one that counts', () => {
    expect(approvedBy(review('ann', 'APPROVED'))).toEqual(['ann']);
    expect(approvedBy(review('ann', 'CHANGES_REQUESTED', EARLIER), review('ann', 'APPROVED'))).toEqual(['ann']);
    expect(approvedBy(review('ann', 'APPROVED'), review('ann', 'COMMENTED'))).toEqual(['ann']);
    expect(demandOf(() => approvedBy(review('ann', 'APPROVED'), review('ann', 'DISMISSED')))).toBe('approval');
    expect(demandOf(() => approvedBy(review('ann', 'APPROVED'), review('ann', 'APPROVED', EARLIER)))).toBe('approval');
  });

  test('of one does not outweigh the objection of another who may write; that of who may not is none', () => {
    const objection = review('bob', 'CHANGES_REQUESTED', EARLIER);
    expect(demandOf(() => approvedBy(review('ann', 'APPROVED'), objection))).toBe('changes-requested');
    expect(approvedBy(review('ann', 'APPROVED'), review('eve', 'CHANGES_REQUESTED'))).toEqual(['ann']);
  });

  test('is never the author’s own, in whatever case the name is written', () => {
    const pull = { ...PULL, author: 'Ann' };
    expect(reviewersOf(pull, [review('ann', 'APPROVED'), review('bob', 'APPROVED')])).toEqual(['bob']);
    expect(demandOf(() => verifyApproval(pull, [review('ann', 'APPROVED')], writers, []))).toBe('approval');
  });

  test('is not that of who made the head, whose objection counts all the same', () => {
    const by = (...reviews: readonly Review[]) => verifyApproval(PULL, reviews, writers, ['Ann', 'web-flow']);
    expect(demandOf(() => by(review('ann', 'APPROVED')))).toBe('approval');
    expect(by(review('ann', 'APPROVED'), review('bob', 'APPROVED'))).toEqual(['bob']);
    expect(demandOf(() => by(review('ann', 'CHANGES_REQUESTED'), review('bob', 'APPROVED')))).toBe('changes-requested');
  });

  test('always comes from a writer other than the author, of the head, whatever else was said', () => {
    const reviews = fc.array(
      fc.record({
        login: fc.constantFrom('ann', 'bob', 'dev', 'eve'),
        state: fc.constantFrom('APPROVED', 'CHANGES_REQUESTED', 'COMMENTED', 'DISMISSED', 'PENDING'),
        commit: fc.constantFrom(HEAD, EARLIER),
      }),
      { maxLength: 12 },
    );
    let accepted = 0;
    fc.assert(
      fc.property(reviews, (said) => {
        const all = said.map(({ login, state, commit }) => review(login, state, commit));
        let approved: readonly string[];
        try {
          approved = verifyApproval(PULL, all, writers, []);
        } catch {
          return;
        }
        accepted += 1;
        expect(approved.length).toBeGreaterThan(0);
        for (const login of approved) {
          expect(['ann', 'bob']).toContain(login);
          const words = all.filter(
            ({ user, state }) => user?.login === login && !['COMMENTED', 'PENDING'].includes(state),
          );
          expect(words.at(-1)).toMatchObject({ state: 'APPROVED', commit: HEAD });
        }
      }),
      { numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});
