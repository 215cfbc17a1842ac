import { open, stat } from 'node:fs/promises';
import { SandboxError } from '../../../core/errors.ts';
import { fieldOf, textOf } from '../../../core/json-fields.ts';
import type { Container } from '../container.ts';
import { refusedCall } from '../refusals.ts';
import { verifyRunning } from '../state.ts';

/** Of a file of /proc, in bytes: a container may have thousands of mounts. */
const PROC_LIMIT = 4 * 1024 * 1024;

/** The container's first process, by its number at the engine. */
export function pidOf(description: unknown): number | undefined {
  const pid = fieldOf(description, 'State', 'Pid');
  return typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}

/**
 * Asks the engine for the container's first process now.
 * @throws SandboxError `SANDBOX_STATE` when it does not run any more, or was started again; RemoteError.
 */
export async function pidNow(container: Container, startedAt: string): Promise<number> {
  const answer = await container.engine.json({ method: 'GET', path: `${container.path}/json` });
  if ('status' in answer) throw refusedCall(container, answer);
  verifyRunning(answer.value, container);
  const pid = pidOf(answer.value);
  if (pid !== undefined && textOf(answer.value, 'State', 'StartedAt') === startedAt) return pid;
  throw new SandboxError('SANDBOX_STATE', `${container.reference} was started again while it was used`, {
    hint: 'try again',
    details: { sandbox: container.reference, state: 'restarted' },
  });
}

/**
 * Whether a process of this machine belongs to a container: the engine may run on another one, in a virtual machine, or
 * in a pid namespace of its own, where the number is another's. Engines put the container's id, which nobody else has,
 * into the name of its cgroup (cgroups(7)) or of what is mounted in it, e.g. its /etc/hostname (proc_pid_mountinfo(5)).
 */
export async function belongsTo(pid: number, id: string): Promise<boolean> {
  if (!/^[0-9a-f]{64}$/.test(id)) return false;
  for (const name of ['cgroup', 'mountinfo']) {
    if ((await procFile(`/proc/${pid}/${name}`)).includes(id)) return true;
  }
  return false;
}

/**
 * Whether a process has the users that its engine tells: those of this machine, in toolcrib's own user namespace, or
 * others, in one whose root is the uid that the engine maps it to. Namespaces are told apart by the inodes of their files
 * (namespaces(7)); who root is in one stands in its map (user_namespaces(7)).
 * @param rootOwner uid of this machine that root of the container is.
 */
export async function hasUsersAsTold(pid: number, rootOwner: number): Promise<boolean> {
  if (rootOwner !== 0) {
    const map = await procFile(`/proc/${pid}/uid_map`);
    return /^ *0 +(?<uid>\d+) /.exec(map)?.groups?.['uid'] === String(rootOwner);
  }
  try {
    const [its, own] = await Promise.all([stat(`/proc/${pid}/ns/user`), stat('/proc/self/ns/user')]);
    return its.ino === own.ino;
  } catch {
    return false; // it has ended
  }
}

/** Text of a file of /proc, whose size nobody tells; '' when it is not there, the process has ended, or it is too long. */
export async function procFile(path: string): Promise<string> {
  const pieces: Buffer[] = [];
  try {
    await using file = await open(path, 'r');
    for (let size = 0; size < PROC_LIMIT;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(64 * 1024));
      if (bytesRead === 0) return Buffer.concat(pieces).toString('latin1');
      size += bytesRead;
      pieces.push(buffer.subarray(0, bytesRead));
    }
  } catch {
    // What is not known of it is the same as for one that is too long.
  }
  return '';
}
