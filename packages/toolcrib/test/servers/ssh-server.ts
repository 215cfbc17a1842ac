import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, listens } from './listening.ts';

const run = promisify(execFile);

/** Debian's `sshd` on a free port of 127.0.0.1, which lets in whoever holds its one key. */
export interface SshServer extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  /** Prepended to PATH, it makes `ssh` know the server's key and hold that of the client. */
  readonly programs: string;
}

/** Why tests of ssh cannot run here, or `undefined` when they can. */
export async function sshAvailable(): Promise<string | undefined> {
  try {
    await Promise.all([run('ssh', ['-V']), run('ssh-keygen', ['-?']).catch(ignoreUsage), run('test', ['-x', SSHD])]);
    return process.getuid?.() === 0 ? undefined : 'only root can start sshd';
  } catch {
    return 'ssh or sshd is not installed (scripts/setup does it)';
  }
}

const SSHD = '/usr/sbin/sshd';

function ignoreUsage(error: unknown): void {
  if (String(error).includes('ENOENT')) throw error;
}

/** Starts a server; resolves once it listens. */
export async function startSshServer(): Promise<SshServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sshd-'));
  const at = (name: string) => join(folder, name);
  const port = await freePort();
  await mkdir('/run/sshd', { recursive: true });
  for (const key of ['host', 'client']) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', key, '-f', at(key)]);
  }
  await copyFile(at('client.pub'), at('authorized'));
  await writeFile(
    at('sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${at('host')}`,
      `PidFile ${at('pid')}`,
      `AuthorizedKeysFile ${at('authorized')}`,
      'PermitRootLogin prohibit-password',
      'StrictModes no',
      'UsePAM no',
      '',
    ].join('\n'),
  );
  const trust = [
    'StrictHostKeyChecking=accept-new',
    `UserKnownHostsFile=${at('known')}`,
    `IdentityFile=${at('client')}`,
  ];
  const options = trust.map((option) => `-o '${option}'`).join(' ');
  await mkdir(at('bin'));
  await writeFile(at('bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F none -o IdentitiesOnly=yes ${options} "$@"\n`);
  await chmod(at('bin/ssh'), 0o755);
  const child = spawn(SSHD, ['-D', '-e', '-f', at('sshd_config')], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (!(await listens({ port, host: '127.0.0.1' }))) {
    if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}`);
    await sleep(20);
  }
  return {
    port,
    user: userInfo().username,
    programs: at('bin'),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
