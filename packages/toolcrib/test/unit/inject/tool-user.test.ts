import { describe, expect, test } from 'vitest';
import type { Protection } from '../../../src/inject/placement.ts';
import { verifyToolUser } from '../../../src/inject/tool-user.ts';

function verify(own: string, user: string | undefined, protection: Protection): void {
  const identity = {
    ...{ engine: 'e', id: 'i', startedAt: 's', arch: 'amd64', cwd: '/', env: {}, readOnlyRoot: false, mounts: [] },
    user: own,
  };
  const placement = { protection, directory: '/tmp/toolcrib/x', why: 'the parent is theirs' };
  verifyToolUser({ reference: 'docker:web', identity }, placement, user);
}

describe('a tool that the own user of a sandbox may have changed', () => {
  const weak = ['same-user', 'writable-parent'] as const;

  test.each([
    ['1000', '0'],
    ['1000', 'root'],
    ['1000', '1001'],
    ['1000', ':0'],
    ['1000:1000', '1000:0'],
    // The engine makes it the group of root where the sandbox has no such user.
    ['1000:1000', '1000'],
    ['app', '0'],
    // What a name stands for is told by a file of the sandbox.
    ['app', '1000'],
    ['1000', 'app'],
  ])('in one of user %j is not run as user %j', (own, user) => {
    for (const protection of weak) {
      expect(() => verify(own, user, protection)).toThrow(
        expect.objectContaining({ code: 'EXEC_FAILED', details: expect.objectContaining({ user, own }) as unknown }),
      );
    }
  });

  test.each([
    ['1000', undefined],
    ['1000', '1000'],
    ['1000', '01000'],
    ['1000:1000', '1000:1000'],
    ['app', 'app'],
    ['', '0'],
    ['', '1000'],
    ['root', '1000:0'],
    ['0:0', 'app'],
  ])('in one of user %j is run as user %j, who gains nothing by it', (own, user) => {
    for (const protection of weak) expect(() => verify(own, user, protection)).not.toThrow();
  });

  test.each(['root-owned', 'read-only-mount'] as const)('is none that is %s: anybody runs it', (protection) => {
    for (const user of ['0', 'root', '1001', 'app']) expect(() => verify('1000', user, protection)).not.toThrow();
  });
});
