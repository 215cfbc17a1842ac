import { expect, test } from 'vitest';
import { libertiesOf } from '../../../src/sandboxes/docker/liberties.ts';

/** A container without rights of its own, as Docker Engine 20.10 describes it. */
const plain = {
  Privileged: false,
  CapAdd: null,
  Devices: [],
  DeviceCgroupRules: null,
  DeviceRequests: null,
  PidMode: '',
  IpcMode: 'private',
  NetworkMode: 'default',
  Runtime: 'runc',
  MaskedPaths: ['/proc/asound', '/proc/acpi', '/proc/kcore', '/proc/scsi', '/sys/firmware'],
  ReadonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
};

const KERNEL = 'the engine does not tell that it kept the settings of the kernel from it';

test.each([
  [plain, []],
  [{ ...plain, CapAdd: ['CAP_NET_ADMIN', 'sys_nice'], PidMode: 'private', Runtime: 'oci' }, []],
  [{ ...plain, Privileged: true }, ['it is privileged']],
  [{ ...plain, CapAdd: ['CHOWN', 'sys_admin'] }, ['it has the capability SYS_ADMIN']],
  [{ ...plain, CapAdd: ['SYS_PTRACE'] }, ['it has the capability SYS_PTRACE']],
  [{ ...plain, CapAdd: ['ALL'] }, ['it has the capability ALL']],
  [{ ...plain, CapAdd: ['CAP_DAC_READ_SEARCH'] }, ['it has the capability DAC_READ_SEARCH']],
  [{ ...plain, Devices: [{ PathOnHost: '/dev/sda' }] }, ['it has devices of its host']],
  [{ ...plain, DeviceCgroupRules: ['b 8:* rmw'] }, ['it has devices of its host']],
  [{ ...plain, DeviceRequests: [{ Driver: 'nvidia' }] }, ['it has devices of its host']],
  [{ ...plain, SecurityOpt: ['no-new-privileges', 'seccomp=builtin', 'apparmor=unconfined'] }, []],
  [{ ...plain, SecurityOpt: ['seccomp=unconfined'] }, ['it has another seccomp profile than that of its engine']],
  [{ ...plain, SecurityOpt: ['seccomp:{}'] }, ['it has another seccomp profile than that of its engine']],
  [{ ...plain, IpcMode: 'host' }, ['it shares memory with others']],
  [{ ...plain, NetworkMode: 'host' }, ['it is in a network of others']],
  [{ ...plain, NetworkMode: 'container:web' }, ['it is in a network of others']],
  [{ ...plain, MaskedPaths: [], ReadonlyPaths: [] }, [KERNEL]],
  [{ ...plain, MaskedPaths: null, ReadonlyPaths: null }, [KERNEL]],
  [{ ...plain, ReadonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger'] }, [KERNEL]],
  [{ ...plain, PidMode: 'container:web' }, ['it sees processes outside of it']],
  [{ ...plain, Runtime: 'sysbox-runc' }, ['its runtime is sysbox-runc, of which nothing is known']],
])('of %j it is told what root in it might write by: %j', (HostConfig, liberties) => {
  expect(libertiesOf({ HostConfig })).toEqual(liberties);
});

test('a container of which the engine does not say that it is not privileged may be', () => {
  expect(libertiesOf({})).toEqual(['it is privileged', KERNEL]);
});
