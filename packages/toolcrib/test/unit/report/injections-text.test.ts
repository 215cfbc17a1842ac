import { expect, test } from 'vitest';
import type { InjectionFacts } from '../../../src/report/injection-text.ts';
import { describeInjections } from '../../../src/report/injections-text.ts';

const web: InjectionFacts = {
  resolution: null,
  placement: {
    sandbox: 'docker:web',
    tool: 'tools',
    version: 3,
    target: 'amd64-any',
    digest: `sha256:${'a'.repeat(64)}`,
    directory: '/var/lib/toolcrib/tools-v3-aaaaaaaaaaaa-0123456789abcdef',
    rung: 'archive',
    protection: 'root-owned',
    why: '',
    readBack: 'engine',
    reused: false,
    plan: [],
  },
};
const again: InjectionFacts = { ...web, placement: { ...web.placement, sandbox: 'docker:again', reused: true } };
const failure = {
  sandbox: 'docker:gone',
  message: 'nothing can be injected into docker:gone:\n  archive in /tmp: the root file system is read-only',
  hint: 'give the sandbox a directory that only root can write',
};

test('several injections are a table with a line for each, and in full what failed', () => {
  expect(describeInjections([web, failure, again], {})).toBe(`\
SANDBOX       VERSION   TARGET     HOW        PROTECTION  WHERE, OR WHY NOT
docker:web    tools v3  amd64-any  archive    root-owned  /var/lib/toolcrib/tools-v3-aaaaaaaaaaaa-0123456789abcdef
docker:gone   -         -          -          -           nothing can be injected into docker:gone:
docker:again  tools v3  amd64-any  was there  root-owned  /var/lib/toolcrib/tools-v3-aaaaaaaaaaaa-0123456789abcdef
2 of 3 sandboxes have the tool, proven

docker:gone:
  nothing can be injected into docker:gone:
  archive in /tmp: the root file system is read-only
  hint: give the sandbox a directory that only root can write
`);
});

test('on a terminal no line of the table is wider than it', () => {
  const lines = describeInjections([web, failure, again], { width: 80 }).split('\n');
  expect(Math.max(...lines.map(({ length }) => length))).toBe(80);
});
