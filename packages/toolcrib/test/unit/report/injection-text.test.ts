import { expect, test } from 'vitest';
import { describeInjection, type InjectionFacts } from '../../../src/report/injection-text.ts';
import { describeInjections } from '../../../src/report/injections-text.ts';

const placed: InjectionFacts = {
  resolution: { tier: 'bundled', dev: false },
  placement: {
    sandbox: 'docker:web',
    tool: 'tools',
    version: 3,
    target: 'amd64-any',
    digest: `sha256:${'a'.repeat(64)}`,
    directory: '/var/lib/toolcrib/tools-v3',
    rung: 'archive',
    protection: 'root-owned',
    why: 'the sandbox runs as 1000',
    readBack: 'engine',
    reused: false,
    plan: [{ rung: 'archive', parent: '/opt', usable: false, reason: 'it is read-only' }],
  },
};
const dev: InjectionFacts = { ...placed, resolution: { tier: 'bundled', dev: true } };

test('an injection tells where, how, what was proven and against whom, and what was not used', () => {
  expect(describeInjection(placed)).toBe(`\
tools v3 (amd64-any, sha256:aaaaaaaaaaaa) is in docker:web
  where       /var/lib/toolcrib/tools-v3
  how         through the engine's archive API; artifact from the tier "bundled"
  proven      every byte read back through the engine; it answered its health check
  protection  root-owned: the sandbox runs as 1000
  not used    archive in /opt: it is read-only
`);
});

test('an injection of a mount tells where the bytes were read', () => {
  const mount = { ...placed.placement, rung: 'overlay', protection: 'read-only-mount', readBack: 'host', plan: [] };
  const text = describeInjection({ ...placed, placement: mount });
  expect(text).toContain('  how         the tree on this host was mounted, read-only; nothing was copied');
  expect(text).toContain('  proven      every byte read in the tree on this host; it answered its health check');
});

test('an injection of a local build names it as such', () => {
  const text = describeInjection(dev);
  expect(text).toContain('tools v3-dev (amd64-any, ');
  expect(text.replaceAll(/\n +/g, ' ')).toContain('from the tier "bundled", a local build that no pin vouches for');
});

test('in a table of several sandboxes, too, and beside a release', () => {
  expect(describeInjections([dev, dev], {})).toMatch(/^tools v3-dev\n/);
  expect(describeInjections([placed, dev], {})).toMatch(/VERSION .*\n.* tools v3 .*\n.* tools v3-dev /);
});
