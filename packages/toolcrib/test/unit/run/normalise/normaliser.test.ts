import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { effectEventSchema } from '../../../../src/run/layers/effect-event.ts';
import { kernelEventFrom } from '../../../../src/run/layers/kernel-event.ts';
import { kernelRawEventSchema } from '../../../../src/run/layers/kernel-raw-event.ts';
import { createNormaliser, type Normaliser } from '../../../../src/run/normalise/normaliser.ts';
import type { NormaliserCounts } from '../../../../src/run/normalise/normalised.ts';
import type { ObservedCall } from '../../../../src/run/observe/observed-call.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { sweepJson } from '../../../../src/run/redaction/secret-sweep.ts';
import { createSurfaceBuilder, type CapabilitySurface } from '../../../../src/run/reports/capability-surface.ts';
import { conformanceFile, needsConformanceSamples } from '../archive/conformance.ts';
import { fixedKey } from '../fixed.ts';
import { anyCall, blindSpot, changed, connected, executed, forked, HOST, HOST6, opened, sent } from '../observed.ts';

interface Written {
  readonly kernel: readonly string[];
  readonly effects: readonly string[];
  readonly raw: readonly string[];
  readonly counts: NormaliserCounts;
  readonly surface: CapabilitySurface;
}

function normalised(calls: readonly ObservedCall[], raw = true): Written {
  const surface = createSurfaceBuilder();
  const normaliser: Normaliser = createNormaliser({
    runId: 'run_001',
    redactor: createRedactor(fixedKey),
    surface,
    raw,
  });
  const lines = calls.map((call) => normaliser.take(call));
  return {
    kernel: lines.flatMap(({ kernel }) => kernel ?? []),
    effects: lines.flatMap(({ effect }) => effect ?? []),
    raw: lines.flatMap((line) => line.raw ?? []),
    counts: normaliser.counts(),
    surface: surface.build('run_001'),
  };
}

function values(calls: readonly ObservedCall[]): readonly (readonly [kind: string, value: string | null])[] {
  return normalised(calls).kernel.map((line) => {
    const event = kernelEventFrom(JSON.parse(line));
    if (typeof event === 'string') throw new Error(event);
    return [event.kind, event.value];
  });
}

describe('the kernel layer', () => {
  test('has a line for an open like those of other writers, byte for byte', () => {
    const path = '/opt/work/dist/package.json';
    expect(normalised([opened(path, { result: -2 })]).kernel).toEqual([
      '{"schema":"assay.runner.kernel_event.v0","run_id":"run_001","seq":0,"pid":41,"event_type":1,"kind":"openat",' +
        `"value":"${path}","flags":524288,"mode":0,"return_value":-2,"access_mode":"read","status":"error"}\n`,
    ]);
  });

  test('tells what an open may do, and what it was asked to create with', () => {
    const line = normalised([opened('/a', { flags: 0o3301, mode: 0o100644, resolve: 8, result: 5 })]).kernel[0] ?? '';
    expect(JSON.parse(line)).toMatchObject({
      flags: 0o3301,
      mode: 0o644,
      resolve: 8,
      access_mode: 'write',
      operation_flags: ['create', 'truncate', 'append', 'exclusive'],
      status: 'success',
    });
  });

  test('calls an open exclusive for O_EXCL, not for O_NOCTTY', () => {
    expect(normalised([opened('/a', { flags: 0o401 })]).kernel[0]).not.toContain('operation_flags');
  });

  test('tells the mode that the kernel takes, whatever stands in the argument of an open that creates nothing', () => {
    const [first] = normalised([opened('/a', { mode: 0o17777 })]).kernel;
    const { mode: _mode, ...untold } = opened('/a');
    expect(normalised([untold]).kernel).toEqual([first]);
    expect(first).toContain('"mode":0,');
  });

  test('tells the mode of a file without a name, and flags as the kernel sees them', () => {
    const [line] = normalised([opened('/tmp', { flags: 0o20200002, mode: 0o600 })]).kernel;
    expect(line).toContain('"flags":4259842,"mode":384,');
    expect(normalised([opened('/a', { flags: -0x80000000 })]).kernel[0]).toContain('"flags":2147483648,');
  });

  test('tells no result of an open that never returned', () => {
    const line = normalised([opened('/a', { result: undefined })]).kernel[0] ?? '';
    expect(line).not.toMatch(/return_value|status/);
  });

  test('names endpoints, one line a message', () => {
    const calls = [connected(HOST), sent('sendto', HOST6), sent('sendmsg', HOST), sent('sendmmsg', HOST)];
    expect(values(calls)).toEqual([
      ['connect', '203.0.113.10:443'],
      ['sendto', '[::1]:53'],
      ['sendmsg', '203.0.113.10:443'],
      ['sendmsg', '203.0.113.10:443'],
    ]);
  });

  test('has paths as the program gave them, also relative ones', () => {
    expect(values([opened('a', { absolute: '/srv/a' }), executed('./b')])).toEqual([
      ['openat', 'a'],
      ['exec', './b'],
    ]);
  });

  test('keeps failed opens and leaves failed execs to the effects', () => {
    const { kernel, effects } = normalised([opened('/a', { result: -13 }), executed('/b', -2)]);
    expect([kernel.length, effects.length]).toEqual([1, 1]);
    expect(JSON.parse(effects[0] ?? '')).toMatchObject({ kind: 'exec', return_value: -2, status: 'error' });
  });

  test('has a line without a value for what could not be read, and counts it as lost', () => {
    const calls = [opened(undefined), executed(undefined), connected(undefined), sent('sendto', undefined, true)];
    expect(values(calls)).toEqual(['openat', 'exec', 'connect', 'sendto'].map((kind) => [kind, null]));
    expect(normalised(calls).counts.unreadable).toEqual({ paths: 2, addresses: 2, refused: 0 });
  });

  test('has no value for an empty path, which is no loss', () => {
    expect(values([opened('', { result: -2 }), executed('')])).toEqual([
      ['openat', null],
      ['exec', null],
    ]);
    expect(normalised([opened('')]).counts.unreadable.paths).toBe(0);
  });

  test('names a program that was started by its descriptor by where that led, and counts one that nothing names', () => {
    const byDescriptor = (absolute?: string): ObservedCall => {
      const path = { given: '', ...(absolute !== undefined && { absolute }) };
      return { ...executed(''), call: 'execveat', path };
    };
    const calls = [byDescriptor('/srv/tool'), byDescriptor(), byDescriptor('pipe:[7]')];
    expect(values(calls)).toEqual([
      ['exec', '/srv/tool'],
      ['exec', null],
      ['exec', null],
    ]);
    expect(normalised(calls).surface.process_execs).toEqual(['/srv/tool']);
    expect(normalised(calls).counts.blind_spots).toEqual({ unnamed_exec: 2 });
    expect(normalised([executed(undefined), executed('/a'), executed('', -13)]).counts.blind_spots).toEqual({});
  });

  test('does not tell the beginning of a path for the path', () => {
    expect(values([opened('/aaa', { cut: true })])).toEqual([['openat', null]]);
  });

  test('counts nothing as lost that the kernel could not read either', () => {
    const calls = [opened(undefined, { result: -14 }), opened('/aaa', { cut: true, result: -36 })];
    expect(normalised(calls).counts.unreadable).toEqual({ paths: 0, addresses: 0, refused: 2 });
  });

  test('leaves out what has no IP endpoint, and says how much', () => {
    const unix = { family: 'unix', path: '/run/x' } as const;
    const calls = [
      connected(unix),
      sent('sendmsg', unix),
      sent('sendto', undefined),
      connected({ family: 'other', number: 0 }),
    ];
    const { kernel, counts } = normalised(calls);
    expect(kernel).toEqual([]);
    expect(counts.non_ip_peers).toEqual({ connect: 2, sendto: 0, sendmsg: 1 });
    expect(counts.sends_without_peer).toEqual({ sendto: 1, sendmsg: 0 });
  });

  test('hides opens of the host by rule, counted, and execs and failed ones like others', () => {
    const { kernel, counts } = normalised([
      opened('/lib/libc.so.6'),
      opened('/proc/self/maps'),
      opened('/proc/x', { result: -2 }),
      executed('/lib/ld.so'),
    ]);
    expect(kernel.length).toBe(1);
    expect([counts.hidden.system_library, counts.hidden.proc, counts.opens]).toEqual([1, 2, 3]);
  });

  test('counts what was hidden although it led elsewhere', () => {
    const calls = [
      opened('/lib/../home/me/key', { result: -13 }),
      opened('/proc/self/root/home/me/key', { result: -13 }),
      opened('/dev/stdin', { absolute: '/home/me/key' }),
      opened('/lib64/ld.so', { absolute: '/usr/lib/ld.so' }),
    ];
    expect(normalised(calls).counts.hidden_elsewhere).toBe(3);
  });

  test('counts what was hidden and failed, where nobody followed the way that it would have gone', () => {
    const failed = (given: string): ObservedCall => opened(given, { absolute: given, result: -2 });
    const ways = ['/dev/../root/probe', '/lib/..', '/proc/self/root/home/me/key', '/proc/7/fd/3/x'];
    expect(normalised(ways.map(failed)).counts.hidden_elsewhere).toBe(4);
    expect(normalised([...ways, '/lib/x'].map((given) => opened(given))).counts.hidden_elsewhere).toBe(4);
    expect(normalised(['/lib/x', '/lib/..x', '/proc/self/fd'].map(failed)).counts.hidden_elsewhere).toBe(0);
  });
});

describe('the effects', () => {
  test('tell changes in the order of their names, and where they led', () => {
    const [line = ''] = normalised([changed('renameat2', [{ given: 'a', absolute: '/w/a' }, { given: 'b' }])]).effects;
    expect(JSON.parse(line)).toEqual({
      schema: 'toolcrib.effect.v1',
      run_id: 'run_001',
      seq: 0,
      pid: 41,
      kind: 'effect',
      call: 'renameat2',
      paths: [
        { given: 'a', absolute: '/w/a' },
        { given: 'b', relative: true },
      ],
      return_value: 0,
      status: 'success',
    });
  });

  test('tell what can hide other calls, and only what did not fail is a blind spot', () => {
    const calls = [blindSpot('io_uring_setup'), blindSpot('ptrace', { result: -1, detail: 'PTRACE_ATTACH' })];
    const { effects, counts } = normalised(calls);
    expect(effects.length).toBe(2);
    expect(counts.blind_spots).toEqual({ io_uring_setup: 1 });
  });

  test('know a connect and a send to a local daemon, if it got through or still may', () => {
    const unix = { family: 'unix', path: '/run/docker.sock' } as const;
    const calls = [connected(unix, 0), connected(unix, -115), connected(unix, -2), sent('sendmmsg', unix)];
    const { effects, counts } = normalised(calls);
    expect(counts.blind_spots).toEqual({ unix_connect: 2, unix_send: 1 });
    expect(effects.length).toBe(4);
    expect(normalised([connected(unix, -11)]).counts.blind_spots).toEqual({ unix_connect: 1 });
    expect(JSON.parse(effects[1] ?? '')).toMatchObject({
      kind: 'blind_spot',
      call: 'connect',
      peer: unix,
      return_value: -115,
    });
  });
});

describe('the effects', () => {
  test('know a connect and a send to what is neither IP nor local, but not to the kernel or to nobody', () => {
    const other = (number: number) => ({ family: 'other', number }) as const;
    const [VSOCK, NETLINK] = [40, 16];
    const seen = [connected(other(VSOCK)), sent('sendmsg', other(VSOCK)), sent('sendto', other(0))];
    const { kernel, effects, counts } = normalised([...seen, connected(other(VSOCK), -19)]);
    expect([kernel.length, effects.length]).toEqual([0, 4]);
    expect(JSON.parse(effects[0] ?? '')).toMatchObject({ kind: 'blind_spot', call: 'connect', peer: other(VSOCK) });
    expect(counts.blind_spots).toEqual({ non_ip_connect: 1, non_ip_send: 2 });
    const rest = normalised([connected(other(NETLINK)), sent('sendto', other(NETLINK)), connected(other(0))]);
    expect([rest.effects, rest.counts.blind_spots]).toEqual([[], {}]);
  });

  test('know what moves paths as a blind spot too, if it did not fail', () => {
    const paths = [{ given: '/etc' }, { given: '/lib/zz' }];
    const calls = ['mount', 'move_mount', 'umount2', 'pivot_root', 'chroot', 'rename'].map((call) =>
      changed(call, paths),
    );
    const { effects, counts } = normalised([...calls, changed('mount', paths, { result: -1 })]);
    expect(effects.every((line) => line.includes('"kind":"effect"'))).toBe(true);
    expect(counts.blind_spots).toEqual({ mount: 1, move_mount: 1, umount2: 1, pivot_root: 1, chroot: 1 });
  });

  test('are lost once, however many of their paths could not be read', () => {
    const lost = [
      changed('rename', [{ given: undefined }, { given: '/a' }]),
      changed('rename', [{ given: undefined }, { given: undefined }]),
    ];
    expect(normalised(lost).counts.unreadable.paths).toBe(2);
  });

  test('know the open of memory and descriptors of another process as a blind spot, which is hidden like others', () => {
    const others = ['/proc/7/mem', '/proc/7/fd/3', '/proc/7/task/8/mem', '/proc/self/../7/fd/3', '//proc/./7/mem'];
    const { kernel, counts } = normalised([
      ...others.map((path) => opened(path)),
      opened('/proc/7/mem', { result: -13 }),
    ]);
    expect(counts.blind_spots).toEqual({ proc_of_others: 5 });
    expect([kernel.length, counts.hidden.proc]).toEqual([1, 5]);
    const led = [
      opened('mem', { absolute: '/proc/7/mem' }),
      opened('/dev/fd/5/../mem', { absolute: '/proc/7/mem' }),
      opened('/proc/7/fd/3', { absolute: '/home/me/a' }),
      opened('/proc/self/fd/5/../../fd/3', { absolute: '/proc/7/fd/3' }),
    ];
    expect(normalised(led).counts.blind_spots).toEqual({ proc_of_others: 4 });
    const elsewhere = [opened('/mnt/p/7/fd/3'), opened('7/task/8/fd/3'), opened('a', { absolute: '/mnt/p/7/mem' })];
    expect(normalised(elsewhere).counts.blind_spots).toEqual({ proc_of_others: 3 });
  });

  test('know what a process opens of its own as no blind spot', () => {
    const own = ['/proc/self/mem', '/proc/thread-self/fd/3', '/proc/41/mem', '/proc/42/fd/3', '/proc/41/task/9/mem'];
    const rest = ['/proc/7/maps', '/proc/7/fd', '/proc/7/memory', '/x/7mem', '/7/a/mem', '/proc/self/fd/3'];
    const calls = [...own, ...rest].map((path) => opened(path, { tid: 42 }));
    expect(normalised(calls).counts.blind_spots).toEqual({});
    expect(normalised([opened('/proc/self/mem', { absolute: '/proc/5/mem' })]).counts.blind_spots).toEqual({});
  });

  test('do not make the record grow with names that nobody expects', () => {
    const names = Array.from({ length: 300 }, (_, index) => blindSpot(`call_${index}`));
    const { blind_spots } = normalised(names).counts;
    expect([Object.keys(blind_spots).length, blind_spots['others']]).toEqual([257, 44]);
  });
});

describe('the raw layer', () => {
  test('does not tell twice where a path led', () => {
    expect(normalised([opened('/a', { absolute: '/a' })]).raw[0]).toContain('"paths":[{"given":"/a"}]');
  });

  test('has every call, forks too, with thread and time since the first', () => {
    const { raw } = normalised([opened('/proc/1', { time: 7n, cgroupId: 5 }), { ...forked(42), time: 9n }]);
    expect(raw.map((line): unknown => JSON.parse(line))).toMatchObject([
      { seq: 0, tid: 41, time_ns: 0, cgroup_id: 5, kind: 'open', paths: [{ given: '/proc/1' }], flags: 524288 },
      { seq: 1, time_ns: 2, kind: 'process', call: 'fork', child: 42, return_value: 42 },
    ]);
  });

  test('is written only when it is asked for', () => {
    expect(normalised([opened('/a')], false).raw).toEqual([]);
  });
});

describe('whatever is observed', () => {
  const calls = fc.array(anyCall, { maxLength: 12 });

  test('kernel lines are valid by the schema that others publish', needsConformanceSamples(), () => {
    const text = readFileSync(conformanceFile('kernel-event-v0.schema.json'), 'utf8');
    // The schema lacks the kinds 6 and 7, see formats.md 6.
    const validate = new Ajv2020().compile(
      JSON.parse(text.replace('"connect_blocked"', '"connect_blocked","sendto","sendmsg"')),
    );
    fc.assert(
      fc.property(calls, (list) => {
        for (const line of normalised(list).kernel) {
          expect(validate(JSON.parse(line)), `${line} ${JSON.stringify(validate.errors)}`).toBe(true);
        }
      }),
    );
  });

  test('lines are what JSON.stringify writes, valid, numbered without gaps, in all members', () => {
    fc.assert(
      fc.property(calls, (list) => {
        const { kernel, effects, raw } = normalised(list);
        for (const line of [...kernel, ...effects, ...raw]) expect(`${JSON.stringify(JSON.parse(line))}\n`).toBe(line);
        expect(kernel.map((line) => kernelEventFrom(JSON.parse(line)))).toMatchObject(
          kernel.map((_, seq) => ({ seq })),
        );
        expect(effects.map((line) => effectEventSchema.parse(JSON.parse(line)).seq)).toEqual(
          effects.map((_, seq) => seq),
        );
        expect(raw.map((line) => kernelRawEventSchema.parse(JSON.parse(line)).seq)).toEqual(list.map((_, seq) => seq));
      }),
      { numRuns: 300 },
    );
  });

  test('nothing is left out that is not counted', () => {
    fc.assert(
      fc.property(calls, (list) => {
        const { kernel, effects, counts } = normalised(list);
        const sum = (record: Readonly<Record<string, number>>): number =>
          Object.values(record).reduce((total, count) => total + count, 0);
        const told = effects.filter((line) => /"kind":"blind_spot".*"peer":/.test(line)).length;
        const network = sum(counts.non_ip_peers) - told + sum(counts.sends_without_peer);
        const processes = list.filter(({ kind }) => kind === 'process').length;
        expect(kernel.length + effects.length + sum(counts.hidden) + network + processes).toBe(list.length);
        expect(counts).toMatchObject({ calls: list.length, lines: { kernel: kernel.length, effects: effects.length } });
      }),
    );
  });

  test('the surface and the counts do not depend on the order', () => {
    fc.assert(
      fc.property(calls, (list) => {
        const forth = normalised(list, false);
        const back = normalised([...list].reverse(), false);
        expect(back.surface).toEqual(forth.surface);
        expect(JSON.stringify(back.counts)).toBe(JSON.stringify(forth.counts));
      }),
    );
  });

  test('the surface is what the lines imply', () => {
    fc.assert(
      fc.property(calls, (list) => {
        const { kernel, surface } = normalised(list);
        const implied = createSurfaceBuilder();
        for (const line of kernel) {
          const event = kernelEventFrom(JSON.parse(line));
          if (typeof event !== 'string') implied.addKernelEvent(event.kind, event.value);
        }
        expect(implied.build('run_001')).toEqual(surface);
      }),
    );
  });

  test('no secret in any text gets out', () => {
    const secret = `AKIA${'A1B2'.repeat(4)}`;
    const path = { given: `/w/${secret}`, absolute: `/a/${secret}` };
    const unix = { family: 'unix', path: `/run/${secret}` } as const;
    const { kernel, effects, raw, surface } = normalised([
      { ...opened(''), path },
      { ...executed(''), path },
      { ...executed('', -2), path },
      changed('bind', [path], { peer: unix }),
      blindSpot('ptrace', { detail: secret }),
      connected(unix),
      sent('sendto', unix),
      connected({ family: 'inet', address: secret, port: 1 }),
    ]);
    for (const line of [...kernel, ...effects, ...raw]) expect(sweepJson(line, JSON.parse(line))).toBeUndefined();
    expect(sweepJson(JSON.stringify(surface), surface)).toBeUndefined();
    expect(surface.filesystem_paths[0]).toMatch(/^\/w\/<redacted:aws-access-key-id:[0-9a-f]{8}>$/);
  });
});
