import { expect, test } from 'vitest';
import { describeInjectionPlan, type InjectionPlanFacts } from '../../../src/report/injection-plan-text.ts';

const plan: InjectionPlanFacts = {
  sandbox: 'docker:web',
  evidence: ['the engine says amd64', '/lib64/ld-linux-x86-64.so.2 is the loader'],
  target: 'amd64-any',
  placed: null,
  possible: true,
  targets: [
    {
      target: 'amd64',
      usable: false,
      reason: 'it needs GLIBC_2.34, /lib64/libc.so.6 there is 2.31',
      tier: 'bundled',
      where: '/p/binaries/t-amd64-v1',
      size: 14_000,
    },
    {
      target: 'amd64-any',
      usable: true,
      reason: 'what it needs is compared when its bytes are on this machine',
      tier: 'store',
      where: 'https://tools.example/t-amd64-any-v1',
      size: null,
    },
    { target: 'arm64', usable: false, reason: 'it is for arm64, not for amd64', tier: null, where: null, size: null },
  ],
  ways: [
    { rung: 'archive', parent: '/opt/t', usable: false, reason: 'the root file system is read-only' },
    { rung: 'exec-tar', parent: '/tmp/t', usable: true, reason: 'it would be placed by programs of the sandbox' },
  ],
};

test('a plan tells every target and every way, usable or not, and why', () => {
  expect(describeInjectionPlan(plan)).toBe(
    `docker:web: amd64-any would be placed by exec-tar in /tmp/t
    the engine says amd64; /lib64/ld-linux-x86-64.so.2 is the loader

Targets, in the order in which they are tried:
1. amd64: not usable
    it needs GLIBC_2.34, /lib64/libc.so.6 there is 2.31
    from the tier "bundled", 14.0 kB: /p/binaries/t-amd64-v1
2. amd64-any: usable
    what it needs is compared when its bytes are on this machine
    from the tier "store": https://tools.example/t-amd64-any-v1
3. arm64: not usable
    it is for arm64, not for amd64

Ways, in the order in which they are tried:
1. archive in /opt/t: not usable
    the root file system is read-only
2. exec-tar in /tmp/t: usable
    it would be placed by programs of the sandbox
`,
  );
});

test.each([
  [{ target: null, possible: false }, 'docker:web: no target is usable'],
  [{ ways: [], possible: false }, 'docker:web: no way is usable'],
  [
    { placed: { target: 'amd64', directory: '/opt/t/x', protection: 'same-user' } },
    'docker:web: amd64 is in /opt/t/x already (same-user)',
  ],
])('a plan begins with what would happen: %j', (change, first) => {
  expect(describeInjectionPlan({ ...plan, ...change }).split('\n')[0]).toBe(first);
});
