import { fieldOf, listOf, textOf } from '../../core/json-fields.ts';

/**
 * Capabilities (capabilities(7)) that containers have by default, and those by which no file of the host can be written;
 * `SYS_ADMIN` mounts, `DAC_READ_SEARCH` opens files by their handle, `SYS_RAWIO` writes to disks.
 */
const HARMLESS: readonly string[] = [
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'NET_RAW'],
  ...['SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
  ...['IPC_LOCK', 'NET_ADMIN', 'NET_BROADCAST', 'SYS_NICE', 'SYS_PTRACE', 'SYS_RESOURCE'],
];

/** Runtimes that give a container no more than it was asked for; others were not looked at. */
const RUNTIMES: readonly string[] = ['', 'runc', 'crun', 'oci', 'io.containerd.runc.v2'];

/**
 * As `SandboxIdentity.liberties`, of a container as `GET /containers/{id}/json` describes it. What is not known to be harmless
 * is a liberty.
 */
export function libertiesOf(container: unknown): readonly string[] {
  const added = listOf(container, 'HostConfig', 'CapAdd').map((name) =>
    String(name).toUpperCase().replace(/^CAP_/, ''),
  );
  const [capability] = added.filter((name) => !HARMLESS.includes(name));
  const pid = textOf(container, 'HostConfig', 'PidMode') ?? '';
  const runtime = textOf(container, 'HostConfig', 'Runtime') ?? '';
  const hasDevices =
    listOf(container, 'HostConfig', 'Devices').length > 0 ||
    listOf(container, 'HostConfig', 'DeviceCgroupRules').length > 0;
  return [
    fieldOf(container, 'HostConfig', 'Privileged') === false ? [] : ['it is privileged'],
    capability === undefined ? [] : [`it has the capability ${capability}`],
    hasDevices ? ['it has devices of its host'] : [],
    pid === '' || pid === 'private' ? [] : ['it sees processes outside of it'],
    RUNTIMES.includes(runtime) ? [] : [`its runtime is ${runtime}, of which nothing is known`],
  ].flat();
}
