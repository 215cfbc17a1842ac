import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kernelEventFrom } from '../../../../src/run/layers/kernel-event.ts';

const EVENT = {
  schema: 'assay.runner.kernel_event.v0',
  run_id: 'run_001',
  seq: 0,
  pid: 1,
  event_type: 1,
  kind: 'openat',
  value: '/tmp/a',
};

describe('a kernel line', () => {
  test.each([
    {},
    { value: null },
    {
      flags: 577,
      mode: 420,
      resolve: 1,
      return_value: -2,
      access_mode: 'write',
      operation_flags: ['create'],
      status: 'error',
    },
    { event_type: 6, kind: 'sendto', value: '[::1]:53' },
    { event_type: 7, kind: 'sendmsg', value: '1.2.3.4:53' },
    {
      event_type: 20,
      kind: 'connect_blocked',
      cgroup_id: 5,
      network_destination: '1.2.3.4',
      network_port: 25,
      rule_id: 7,
    },
    { event_type: 999, kind: 'event_999', value: null },
  ])('with %o is read', (change) => {
    expect(kernelEventFrom({ ...EVENT, ...change })).toMatchObject({ run_id: 'run_001', seq: 0 });
  });

  test.each([
    [{ extra: 1 }, 'unknown field "extra"'],
    [{ schema: 'x' }, 'schema is "x"'],
    [{ seq: -1 }, 'seq is -1'],
    [{ pid: 1.5 }, 'pid is 1.5'],
    [{ value: 3 }, 'value is 3'],
    [{ kind: 'connect' }, 'kind "connect" does not go with event_type 1'],
    [{ kind: 'event_2' }, 'kind "event_2" does not go with event_type 1'],
    [{ kind: 'event_1' }, undefined],
    [{ resolve: 0 }, 'resolve is 0'],
    [{ access_mode: 'all' }, 'access_mode is "all"'],
    [{ operation_flags: ['create', 'create'] }, 'operation_flags is ["create","create"]'],
    [{ status: 'success' }, 'status stands without return_value'],
    [{ value: undefined }, 'value is undefined'],
  ])('with %o is judged: %s', (change, problem) => {
    const read = kernelEventFrom({ ...EVENT, ...change });
    if (problem === undefined) expect(read).toBeTypeOf('object');
    else expect(read).toBe(problem);
  });

  test.each(Object.keys(EVENT))('without %s is refused', (name) => {
    const rest = Object.fromEntries(Object.entries(EVENT).filter(([key]) => key !== name));
    expect(kernelEventFrom(rest)).toBe(`${name} is missing`);
  });

  test('that is anything at all is judged without a crash', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(EVENT)), (value, name) => {
        kernelEventFrom(value);
        kernelEventFrom({ ...EVENT, [name]: value });
      }),
    );
  });
});
