import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../../src/core/digest.ts';
import { kernelRawEventSchema } from '../../../../src/run/layers/kernel-raw-event.ts';
import { createNormaliser } from '../../../../src/run/normalise/normaliser.ts';
import { createRawReplay, type ReplayedMembers } from '../../../../src/run/normalise/raw-replay.ts';
import type { ObservedCall } from '../../../../src/run/observe/observed-call.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { createSurfaceBuilder } from '../../../../src/run/reports/capability-surface.ts';
import type { CaptureRecord } from '../../../../src/run/reports/capture-record.ts';
import { rawProblems, type NormalisedMembers } from '../../../../src/run/reports/raw-problems.ts';
import { captured } from '../captured.ts';
import { fixedKey } from '../fixed.ts';
import { anyCall, blindSpot, changed, connected, executed, HOST, HOST6, opened, sent } from '../observed.ts';

function written(calls: readonly ObservedCall[]): { kernel: string; effects: string; raw: readonly string[] } {
  const options = { redactor: createRedactor(fixedKey), surface: createSurfaceBuilder(), raw: true };
  const normaliser = createNormaliser({ runId: 'run_001', ...options });
  const lines = calls.map((call) => normaliser.take(call));
  return {
    kernel: lines.map(({ kernel = '' }) => kernel).join(''),
    effects: lines.map(({ effect = '' }) => effect).join(''),
    raw: lines.flatMap(({ raw }) => raw ?? []),
  };
}

function replayed(raw: readonly string[]): ReplayedMembers {
  const replay = createRawReplay('run_001');
  for (const line of raw) replay.take(kernelRawEventSchema.parse(JSON.parse(line)));
  return replay.finish();
}

function membersOf(calls: readonly ObservedCall[], capture: CaptureRecord = captured({ calls })): NormalisedMembers {
  const { kernel, effects } = written(calls);
  return { kernel: digestOf(Buffer.from(kernel)), effects: digestOf(Buffer.from(effects)), capture };
}

const CALLS = [
  opened('/a', { flags: 0o101, mode: 0o644 }),
  opened('/lib/b'),
  opened(undefined),
  executed('/c'),
  executed('d', -2),
  connected(HOST),
  sent('sendto', HOST6),
  sent('sendmsg', undefined, true),
  changed('renameat', [{ given: 'e', absolute: '/w/e' }, { given: 'f' }]),
  blindSpot('ptrace', { detail: 'x' }),
];

describe('the raw member', () => {
  test('comes to the same layers, whatever was observed and redacted', () => {
    const secret = `AKIA${'A1B2'.repeat(4)}`;
    const hidden = [`/lib/${secret}`, `/w/token=${secret}/node_modules/x`, `x://me:pw@host/node_modules/x`].map(
      (path) => opened(path),
    );
    // What is hidden as a secret may be the way to another process.
    hidden.push(opened(`/proc/token=abcdefg/../7/mem`), opened('/proc/x/../7/fd/3', { absolute: '/w/token=abcdefg' }));
    const call = fc.oneof({ weight: 5, arbitrary: anyCall }, fc.constantFrom(...hidden));
    fc.assert(
      fc.property(fc.array(call, { maxLength: 10 }), (calls) => {
        expect(rawProblems(replayed(written(calls).raw), membersOf(calls))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('does not go with a kernel layer, effects or counts from which one call was taken', () => {
    for (const [index, call] of CALLS.entries()) {
      const others = CALLS.filter((_, place) => place !== index);
      const problems = rawProblems(replayed(written(CALLS).raw), membersOf(others));
      expect(problems, call.kind).toContain('calls of the capture are not what the raw member comes to');
      expect(problems.length, call.kind).toBeGreaterThan(1);
    }
  });

  test('says which member it does not come to', () => {
    const raw = replayed(written(CALLS).raw);
    const whole = membersOf(CALLS);
    expect(rawProblems(raw, { ...whole, kernel: digestOf(Buffer.from('x')) })).toEqual([
      'the kernel layer is not what the raw member comes to',
    ]);
    expect(rawProblems(raw, { ...whole, effects: digestOf(Buffer.from('x')) })).toEqual([
      'the effects are not what the raw member comes to',
    ]);
    expect(rawProblems(raw, { ...whole, effects: undefined })).toEqual([]);
  });

  test('says nothing of what another version of the normaliser wrote', () => {
    const { normaliser, ...record } = captured();
    const capture = { ...record, normaliser: normaliser && { ...normaliser, version: 'toolcrib.normaliser.v9' } };
    expect(rawProblems(replayed(written(CALLS).raw), membersOf([], capture))).toEqual([]);
  });
});
