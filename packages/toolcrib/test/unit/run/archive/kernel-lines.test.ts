import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createKernelLineReader } from '../../../../src/run/archive/kernel-lines.ts';
import { kernelEventFrom, kernelKind } from '../../../../src/run/layers/kernel-event.ts';

const RUN = 'run_001';
const count = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 2 ** 40, 999_999_999_999_999));
const word = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const event = fc
  .record({
    seq: count,
    pid: count,
    event_type: fc.constantFrom(1, 2, 4, 6, 7, 10, 20),
    value: fc.option(fc.oneof(fc.string(), fc.constantFrom('/a', '/etc/shadow', '/ä', 'a"b', '\\x', '\u001b'))),
    cgroup_id: word(count),
    network_destination: word(fc.string()),
    network_port: word(count),
    rule_id: word(count),
    flags: word(count),
    mode: word(count),
    resolve: word(fc.integer({ min: 1 })),
    return_value: word(fc.integer()),
    access_mode: word(fc.constantFrom('read', 'write', 'read_write', 'unknown')),
    operation_flags: word(fc.uniqueArray(fc.constantFrom('create', 'truncate', 'append', 'exclusive'))),
    status: word(fc.constantFrom('success', 'error')),
  })
  .map(({ seq, pid, event_type, value, ...rest }) => ({
    schema: 'assay.runner.kernel_event.v0',
    run_id: RUN,
    seq,
    pid,
    event_type,
    kind: kernelKind(event_type),
    value,
    ...rest,
  }));

function read(text: string) {
  const bytes = Buffer.from(`,${text}\n`);
  const plain = createKernelLineReader(RUN)(bytes, 1, bytes.length - 1);
  if (plain === undefined) return undefined;
  const { isRepeated, ...known } = plain;
  expect(isRepeated).toBe(false);
  return known;
}

/** Escapes, blanks and whatever else there is more than one way to write are left to the slow way. */
const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/.test(text) && !text.includes('\\');

describe('a line of the kernel layer that is read from its bytes', () => {
  test('is the event that the slow way reads', () => {
    fc.assert(
      fc.property(event, (fields) => {
        const slow = kernelEventFrom(JSON.parse(JSON.stringify(fields)));
        const fast = read(JSON.stringify(fields));
        if (fast !== undefined) expect(fast).toEqual(slow);
        else expect(typeof slow === 'string' || !isPlain(JSON.stringify(fields)) || hasEmptyList(fields)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('is none that the slow way would refuse, whatever of it is changed', () => {
    const change = fc.tuple(
      fc.nat(400),
      fc.constantFrom('', '0', '-', '"', ',', ' ', '{', '}', '\\', '\u0001', 'é', '1e5'),
    );
    fc.assert(
      fc.property(event, change, fc.nat(3), (fields, [place, put], cut) => {
        const text = JSON.stringify(fields);
        const at = place % text.length;
        const changed = text.slice(0, at) + put + text.slice(at + cut);
        const fast = read(changed);
        if (fast === undefined) return;
        const parsed: unknown = JSON.parse(changed);
        expect(JSON.stringify(parsed)).toBe(changed);
        expect(fast).toEqual(kernelEventFrom(parsed));
      }),
      { numRuns: 2000 },
    );
  });

  test('tells when its value came before under the same kind, and never when it did not', () => {
    const line = fc.record({ type: fc.constantFrom(1, 2, 10), value: fc.string({ maxLength: 2 }) });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
        const reader = createKernelLineReader(RUN);
        const seen = new Set<string>();
        for (const { type, value } of lines) {
          const fields = { seq: 0, pid: 1, event_type: type, kind: kernelKind(type), value };
          const bytes = Buffer.from(JSON.stringify({ schema: 'assay.runner.kernel_event.v0', run_id: RUN, ...fields }));
          const read = reader(bytes, 0, bytes.length);
          if (read?.isRepeated === true) expect(seen).toContain(`${type} ${value}`);
          seen.add(`${type} ${value}`);
        }
      }),
    );
  });

  test('is left to the slow way when it is of another run', () => {
    const bytes = Buffer.from(JSON.stringify({ schema: 'assay.runner.kernel_event.v0', run_id: 'run_002', seq: 0 }));
    expect(createKernelLineReader(RUN)(bytes, 0, bytes.length)).toBeUndefined();
  });
});

function hasEmptyList(fields: { readonly operation_flags?: readonly string[] | undefined }): boolean {
  return fields.operation_flags?.length === 0;
}
