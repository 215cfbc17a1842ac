import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DOCKER } from './docker.ts';
import { freePort } from './listening.ts';

const run = promisify(execFile);

/** A second Docker Engine, which only listens to clients that show a certificate. */
export interface DockerDaemon extends AsyncDisposable {
  /** `tcp://127.0.0.1:PORT`. */
  readonly host: string;
  /** Path of its unix socket, which asks for nothing. */
  readonly socket: string;
  /** With ca.pem, cert.pem and key.pem of a client, as DOCKER_CERT_PATH names it. */
  readonly certificates: string;
  /** Runs the docker client with it, over its own unix socket. */
  docker(...args: readonly string[]): Promise<string>;
  /** As when its process crashes. */
  kill(): Promise<void>;
}

/** What a daemon finds on its machine. */
export interface DaemonSurroundings {
  /** It sees cgroup v2 alone, whatever this machine has. */
  readonly unifiedCgroups?: boolean;
}

/** Shows a program a machine with cgroup v2 alone, by mounts of its own. */
const UNIFIED = [
  'unshare',
  '--mount',
  'sh',
  '-ec',
  'awk \'$3 == "cgroup" { print $2 }\' /proc/self/mounts | while read -r path; do umount "$path"; done; ' +
    'mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec "$@"',
  'sh',
];

/** Starts one, without a network, with this image of the usual engine; resolves once it answers. */
export async function startDockerDaemon(
  image: string,
  args: readonly string[],
  surroundings: DaemonSurroundings = {},
): Promise<DockerDaemon> {
  const folder = await mkdtemp(join(tmpdir(), 'dockerd-'));
  // Containers with mapped users have to get through.
  await chmod(folder, 0o711);
  const certificates = join(folder, 'client');
  await makeCertificates(join(folder, 'server'), certificates);
  const socket = join(folder, 'docker.sock');
  const host = `tcp://127.0.0.1:${await freePort()}`;
  const log = await open(join(folder, 'dockerd.log'), 'w');
  const [launcher, ...launched] = [...(surroundings.unifiedCgroups === true ? UNIFIED : []), 'dockerd'];
  const child = spawn(
    launcher,
    [
      ...launched,
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'run'), '--pidfile', join(folder, 'pid')],
      ...['--host', `unix://${socket}`, '--host', host, '--bridge', 'none', '--iptables=false'],
      ...['--tlsverify', '--tlscacert', join(folder, 'server', 'ca.pem')],
      ...['--tlscert', join(folder, 'server', 'cert.pem'), '--tlskey', join(folder, 'server', 'key.pem')],
      ...args,
    ],
    { stdio: ['ignore', log.fd, log.fd] },
  );
  await log.close();
  const ended = once(child, 'exit');
  const docker = async (...words: readonly string[]) =>
    (await run(DOCKER, ['--host', `unix://${socket}`, ...words])).stdout.replace(/\n$/, '');
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await ended;
  };
  const remove = async () => {
    await end('SIGTERM');
    await endLeftovers(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    while (!(await docker('version').catch(() => ''))) {
      if (child.exitCode !== null) throw new Error(await readFile(join(folder, 'dockerd.log'), 'utf8'));
      await sleep(100);
    }
    await run('sh', ['-c', '"$1" save "$2" | "$1" --host "$3" load', 'sh', DOCKER, image, `unix://${socket}`]);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    host,
    socket,
    certificates,
    docker,
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: remove,
  };
}

/** A daemon that was killed leaves its containers, their containerd and its mounts. */
async function endLeftovers(folder: string): Promise<void> {
  const { stdout } = await run('ps', ['-e', '-o', 'pid=,args=']);
  const pids = stdout.split('\n').filter((line) => line.includes(`${folder}/`));
  for (const line of pids) await run('kill', ['-KILL', String(Number.parseInt(line, 10))]).catch(() => undefined);
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse()) {
    await run('umount', ['--lazy', mount]).catch(() => undefined);
  }
}

/** An authority, and what it signed for a server on this machine and for a client. */
async function makeCertificates(server: string, client: string): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const ca = ['-CA', join(server, 'ca.pem'), '-CAkey', join(server, 'ca-key.pem')];
  const make = (folder: string, name: string, subject: string, args: readonly string[]) =>
    run('openssl', [
      ...['req', '-x509', ...key, '-subj', `/CN=${subject}`, ...args],
      ...['-keyout', join(folder, name === 'ca' ? 'ca-key.pem' : 'key.pem'), '-out', join(folder, `${name}.pem`)],
    ]);
  await Promise.all([server, client].map((folder) => mkdir(folder)));
  await make(server, 'ca', 'authority', []);
  const usage = (words: string) => ['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', words];
  await make(server, 'cert', '127.0.0.1', [...ca, ...usage('subjectAltName=IP:127.0.0.1')]);
  await make(client, 'cert', 'client', [...ca, ...usage('extendedKeyUsage=clientAuth')]);
  await writeFile(join(client, 'ca.pem'), await readFile(join(server, 'ca.pem')));
}
