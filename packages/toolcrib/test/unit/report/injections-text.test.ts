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
  message: 'nothing can be injected into docker:gone:\n  the root file system is read-only (archive in /tmp)',
  hint: 'give the sandbox a directory that only root can write',
};

test('several injections are a table with a line for each, and in full what failed', () => {
  expect(describeInjections([web, failure, again], {})).toBe(`\
tools v3
SANDBOX       TARGET     HOW        PROTECTION  WHERE, OR WHY NOT
docker:web    amd64-any  archive    root-owned  /var/lib/toolcrib/tools-v3-aaaaaaaaaaaa-0123456789abcdef
docker:gone   -          -          -           the root file system is read-only (archive in /tmp)
docker:again  amd64-any  was there  root-owned  /var/lib/toolcrib/tools-v3-aaaaaaaaaaaa-0123456789abcdef
2 of 3 sandboxes have the tool, proven

docker:gone:
  nothing can be injected into docker:gone:
  the root file system is read-only (archive in /tmp)
  hint: give the sandbox a directory that only root can write
`);
});

test('sandboxes that have different versions tell theirs', () => {
  const older = { ...again, placement: { ...again.placement, version: 2 } };
  const lines = describeInjections([web, older, failure], {}).split('\n');
  expect(lines.slice(0, 4).map((line) => line.split(/ {2,}/).slice(0, 3))).toEqual([
    ['SANDBOX', 'VERSION', 'TARGET'],
    ['docker:web', 'tools v3', 'amd64-any'],
    ['docker:again', 'tools v2', 'amd64-any'],
    ['docker:gone', '-', '-'],
  ]);
});

test('on a terminal of 80 columns every path is told in full, and no line is wider', () => {
  const text = describeInjections([web, failure, again], { width: 80 });
  expect(text).toContain('docker:again  amd64-any  was there  root-owned\n');
  expect(text.split(`\n  ${web.placement.directory}\n`)).toHaveLength(3);
  expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
});

test('a long prefix is told in full on a terminal, too', () => {
  const sandbox = `exec:ssh -o BatchMode=yes ${'h'.repeat(60)} docker exec -i web`;
  const long = { ...web, placement: { ...web.placement, sandbox } };
  const text = describeInjections([long, again], { width: 80 });
  expect(text.replaceAll('\n', ' ')).toContain(sandbox);
  expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
});
