import { expect, test } from 'vitest';
import { notInjectable } from '../../../src/inject/not-injectable.ts';
import type { Rung } from '../../../src/inject/placement.ts';

const sandbox = { reference: 'docker:ro' };
const RUNGS: readonly Rung[] = ['archive', 'exec-tar'];
const steps = (parent: string, reason: string, rungs = RUNGS) => rungs.map((rung) => ({ rung, parent, reason }));
const READ_ONLY = 'the root file system is read-only';

test('a refusal tells every reason once, and what helps a read-only root', () => {
  const plan = [...steps('/opt', READ_ONLY), ...steps('/srv', READ_ONLY), ...steps('/tmp', '/tmp is mounted noexec')];
  expect(notInjectable(sandbox, plan)).toMatchObject({
    code: 'NOT_INJECTABLE',
    message: `nothing can be injected into docker:ro:
  the root file system is read-only (archive, exec-tar in /opt, /srv)
  /tmp is mounted noexec (archive, exec-tar in /tmp)`,
    hint: expect.stringContaining('--tmpfs /tmp:exec') as string,
    details: { plan: expect.arrayContaining(['exec-tar in /srv: the root file system is read-only']) as string[] },
  });
});

test('why nothing can be mounted does not change what helps a read-only root', () => {
  const plan = [...steps('/opt', 'the engine is not on this machine', ['overlay']), ...steps('/opt', READ_ONLY)];
  expect(notInjectable(sandbox, plan)).toMatchObject({
    message: expect.stringContaining('the engine is not on this machine (overlay in /opt)') as string,
    hint: expect.stringContaining('--tmpfs /tmp:exec') as string,
  });
});

test('a refusal with other reasons asks for a directory of root', () => {
  const plan = [
    ...steps('/opt', 'others can write it'),
    ...steps('/tmp', 'others can write it', ['archive']),
    ...steps('/tmp', READ_ONLY, ['exec-tar', 'exec-tar']),
  ];
  const error = notInjectable(sandbox, plan);
  expect(error.message.split('\n').slice(1)).toEqual([
    '  others can write it (archive, exec-tar in /opt; archive in /tmp)',
    '  the root file system is read-only (exec-tar in /tmp)',
  ]);
  expect(error.hint).toContain('only root can write');
});

test.each([
  'the engine could not unpack: write /var/lib/docker/x: no space left on device',
  '/bin/tar ended with 1: "tar: write error: No space left on device"',
  '/bin/tar ended with 2: "tar: bin/tool: Wrote only 4608 of 10240 bytes"',
  'the namespace helper could not write: disk quota exceeded (EDQUOT)',
])('a refusal for want of room asks for room, whatever else is in the way: %s', (reason) => {
  const { hint } = notInjectable(sandbox, [...steps('/opt', READ_ONLY), ...steps('/tmp', reason)]);
  expect(hint).toContain('free space in the sandbox');
});

test.each([
  [false, '/proc is not there'],
  [true, 'what programs need'],
])('a refusal of a tool that crashed where /proc is there (%s) names what programs lack', (hasProc, hint) => {
  const plan = [...steps('/opt', READ_ONLY), ...steps('/tmp', 'the health check ended with 134 (SIGABRT)')];
  expect(notInjectable(sandbox, plan, { hasProc }).hint).toContain(hint);
});
