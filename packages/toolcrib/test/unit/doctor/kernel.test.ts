import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emulationFindings, translatorIn } from '../../../src/doctor/emulation.ts';
import {
  capabilitiesIn,
  kernelFindings,
  lockdownIn,
  tracerFindings,
  type KernelFacts,
} from '../../../src/doctor/recording.ts';

const ALL: KernelFacts = {
  capabilities: ['CAP_PERFMON', 'CAP_BPF'],
  btf: true,
  lockdown: 'integrity',
  ...{ unprivilegedBpfDisabled: '2', perfEventParanoid: '2', ptraceScope: '1' },
};

describe('what a recorded run could use', () => {
  test('is read from the capabilities of this process', () => {
    expect(capabilitiesIn('Name:\tnode\nCapEff:\t0000000000000000\n')).toEqual([]);
    expect(capabilitiesIn('CapPrm:\t000001ffffffffff\nCapEff:\t0000000000280000\n')).toEqual([
      'CAP_SYS_PTRACE',
      'CAP_SYS_ADMIN',
    ]);
    expect(capabilitiesIn('CapEff:\t000001ffffffffff\n')).toHaveLength(4);
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(capabilitiesIn(text))));
  });

  test('is read from the lockdown of the kernel', () => {
    expect(lockdownIn('none [integrity] confidentiality\n')).toBe('integrity');
    expect(lockdownIn(undefined)).toBeNull();
    expect(lockdownIn('something else')).toBeNull();
  });

  test.each([
    ['with all of it', ALL, 'ok', undefined],
    ['for root', { ...ALL, capabilities: ['CAP_SYS_ADMIN'], lockdown: null }, 'ok', undefined],
    ['without capabilities', { ...ALL, capabilities: [] }, 'note', 'CAP_BPF and CAP_PERFMON'],
    ['with half of the capabilities', { ...ALL, capabilities: ['CAP_BPF'] }, 'note', 'CAP_BPF and CAP_PERFMON'],
    ['without types', { ...ALL, btf: false }, 'note', 'CONFIG_DEBUG_INFO_BTF'],
    ['locked down', { ...ALL, lockdown: 'confidentiality' }, 'note', 'lockdown=confidentiality'],
  ] as const)('is told %s', (_, facts, state, remedy) => {
    const [found] = kernelFindings(facts);
    expect(found).toMatchObject({ state, facts });
    if (remedy === undefined) expect(found?.remedy).toBeNull();
    else expect(found?.remedy).toContain(remedy);
  });

  test('is told of the tracer as it was tried, with what to do without it', () => {
    expect(tracerFindings({ tracer: '/opt/tracer' })).toMatchObject([{ state: 'ok', remedy: null }]);
    const [found] = tracerFindings({ reason: 'the tracer is not installed' });
    expect(found).toMatchObject({ state: 'note', text: 'the tracer is not installed' });
    expect(found?.remedy).toContain('strace');
  });
});

const ARM64 = `enabled
interpreter /usr/bin/qemu-aarch64-static
flags: OCF
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
`;

describe('a translator of programs of another machine', () => {
  test('is known by the machine in its magic number, whatever it is called', () => {
    expect(translatorIn(ARM64)).toEqual({ arch: 'arm64', interpreter: '/usr/bin/qemu-aarch64-static', fixed: true });
    expect(translatorIn(ARM64.replace('OCF', 'OC'))).toMatchObject({ fixed: false });
    expect(translatorIn(ARM64.replace('b700', '3e00'))).toMatchObject({ arch: 'amd64' });
  });

  test.each([
    ['disabled', ARM64.replace('enabled', 'disabled')],
    ['for another machine', ARM64.replace('b700', 'f300')],
    ['for something else', 'enabled\ninterpreter /usr/bin/python3\nflags:\nextension .py\n'],
    ['not there', ''],
  ])('is none when it is %s', (_, text) => expect(translatorIn(text)).toBeUndefined());

  test('never comes from garbage', () => {
    fc.assert(fc.property(fc.string(), (text) => translatorIn(text) === undefined));
  });

  test('lets containers start such programs only when the kernel keeps it open', () => {
    const [found] = [translatorIn(ARM64)]
      .flatMap((one) => one ?? [])
      .map((one) => emulationFindings('amd64', [one])[0]);
    expect(found).toMatchObject({ subject: 'arm64', state: 'ok' });
    const open = { arch: 'arm64', interpreter: '/q', fixed: false } as const;
    expect(emulationFindings('amd64', [open])).toMatchObject([{ state: 'warning' }]);
    expect(emulationFindings('arm64', [open])).toMatchObject([{ subject: 'amd64', state: 'note' }]);
    expect(emulationFindings(undefined, [])).toEqual([]);
  });
});
