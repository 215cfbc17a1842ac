import { fieldOf, listOf, textOf } from '../../core/json-fields.ts';

/**
 * Capabilities (capabilities(7)) that containers have by default, and those by which no file of the host can be written;
 * `SYS_ADMIN` mounts, `DAC_READ_SEARCH` opens files by their handle, `SYS_RAWIO` writes to disks, `SYS_PTRACE` has the
 * runtime do it, while that starts a program in the container and still has all rights.
 */
const HARMLESS: readonly string[] = [
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'NET_RAW'],
  ...['SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'],
  ...['IPC_LOCK', 'NET_ADMIN', 'NET_BROADCAST', 'SYS_NICE', 'SYS_RESOURCE'],
];

/** Runtimes that give a container no more than it was asked for; others were not looked at. */
const RUNTIMES: readonly string[] = ['', 'runc', 'crun', 'oci', 'io.containerd.runc.v2'];

/** What engines cover or make read-only in a container's view of the kernel, as far as root could write there else. */
const COVERED: readonly string[] = ['/proc/acpi', '/proc/kcore', '/proc/scsi', '/sys/firmware'];
const READ_ONLY: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Memory in which no file of the host is. */
const OWN_MEMORY: readonly string[] = ['', 'private', 'shareable', 'none'];

/** That of its host, where services listen on sockets without a path, or one that may be: `container:ID`, `ns:PATH`. */
const OTHERS_NETWORK = /^host$|:/;

/** Docker's own profile: it allows no namespaces to who may not mount. Another one may let an agent make up files for others. */
const OTHER_PROFILE = /^seccomp[=:](?!builtin$)/;

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
  const isInNetworkOfOthers = OTHERS_NETWORK.test(textOf(container, 'HostConfig', 'NetworkMode') ?? '');
  const hasDevices = ['Devices', 'DeviceCgroupRules', 'DeviceRequests'].some(
    (key) => listOf(container, 'HostConfig', key).length > 0,
  );
  return [
    fieldOf(container, 'HostConfig', 'Privileged') === false ? [] : ['it is privileged'],
    capability === undefined ? [] : [`it has the capability ${capability}`],
    hasDevices ? ['it has devices of its host'] : [],
    pid === '' || pid === 'private' ? [] : ['it sees processes outside of it'],
    OWN_MEMORY.includes(textOf(container, 'HostConfig', 'IpcMode') ?? '') ? [] : ['it shares memory with others'],
    isInNetworkOfOthers ? ['it is in a network of others'] : [],
    listOf(container, 'HostConfig', 'SecurityOpt').some((option) => OTHER_PROFILE.test(String(option)))
      ? ['it has another seccomp profile than that of its engine']
      : [],
    hidesKernel(container) ? [] : ['the engine does not tell that it kept the settings of the kernel from it'],
    RUNTIMES.includes(runtime) ? [] : [`its runtime is ${runtime}, of which nothing is known`],
  ].flat();
}

/** Podman does not tell, so that nothing is known there. */
function hidesKernel(container: unknown): boolean {
  const covered = listOf(container, 'HostConfig', 'MaskedPaths');
  const readOnly = [...covered, ...listOf(container, 'HostConfig', 'ReadonlyPaths')];
  return COVERED.every((path) => covered.includes(path)) && READ_ONLY.every((path) => readOnly.includes(path));
}
