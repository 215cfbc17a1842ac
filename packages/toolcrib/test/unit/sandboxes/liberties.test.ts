import { expect, test } from 'vitest';
import { libertiesOf } from '../../../src/sandboxes/docker/liberties.ts';

/** A container without rights of its own, as Docker Engine 20.10 describes it. */
const plain = { Privileged: false, CapAdd: null, Devices: [], DeviceCgroupRules: null, PidMode: '', Runtime: 'runc' };

test.each([
  [plain, []],
  [{ ...plain, CapAdd: ['CAP_NET_ADMIN', 'sys_ptrace'], PidMode: 'private', Runtime: 'oci' }, []],
  [{ ...plain, Privileged: true }, ['it is privileged']],
  [{ ...plain, CapAdd: ['CHOWN', 'sys_admin'] }, ['it has the capability SYS_ADMIN']],
  [{ ...plain, CapAdd: ['ALL'] }, ['it has the capability ALL']],
  [{ ...plain, CapAdd: ['CAP_DAC_READ_SEARCH'] }, ['it has the capability DAC_READ_SEARCH']],
  [{ ...plain, Devices: [{ PathOnHost: '/dev/sda' }] }, ['it has devices of its host']],
  [{ ...plain, DeviceCgroupRules: ['b 8:* rmw'] }, ['it has devices of its host']],
  [{ ...plain, PidMode: 'container:web' }, ['it sees processes outside of it']],
  [{ ...plain, Runtime: 'sysbox-runc' }, ['its runtime is sysbox-runc, of which nothing is known']],
])('of %j it is told what root in it might write by: %j', (HostConfig, liberties) => {
  expect(libertiesOf({ HostConfig })).toEqual(liberties);
});

test('a container of which the engine does not say that it is not privileged may be', () => {
  expect(libertiesOf({})).toEqual(['it is privileged']);
});
