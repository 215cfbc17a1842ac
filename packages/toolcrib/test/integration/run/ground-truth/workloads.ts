import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Workload } from './workload.ts';

const run = promisify(execFile);

const compiled = (source: string, args: (folder: string) => readonly string[] = () => []) => ({
  source,
  command: (folder: string) => [join(folder, 'program'), ...args(folder)],
});

const writeWords = (folder: string): Promise<void> =>
  writeFile(join(folder, 'words'), 'one two three two one two'.replaceAll(' ', '\n'));

const PIPELINES = `for i in 1 2 3 4 5; do cat words | sort | uniq -c | sort -rn > out-$i; done
tee copy < words | wc -l > count
cat none > empty 2> errors || mv empty still-empty
lines=$(grep -c o words); echo "$lines" >> count
find . -type f ! -name list | sort > list; xargs cksum < list > sums`;

/** Where the unified hierarchy is, and where in it this process is: the workload goes back there to remove its own group. */
async function cgroups(): Promise<{ readonly root: string; readonly own: string }> {
  const [mounts, groups] = await Promise.all(
    ['mounts', 'cgroup'].map((name) => readFile(`/proc/self/${name}`, 'utf8')),
  );
  const root = /^\S+ (?<root>\S+) cgroup2 /m.exec(mounts ?? '')?.groups?.['root'];
  const own = /^0::(?<own>\S*)$/m.exec(groups ?? '')?.groups?.['own'];
  if (root === undefined || own === undefined) throw new Error('this machine has no cgroup v2 hierarchy');
  return { root, own: join(root, own) };
}

async function prepareCgroup(folder: string): Promise<void> {
  await writeWords(folder);
  const { root, own } = await cgroups();
  const script = `mkdir ${root}/ground-truth-leaver
echo $$ > ${root}/ground-truth-leaver/cgroup.procs
cat words > outside
sh -c 'cat words none > also-outside 2> errors'
echo $$ > ${own}/cgroup.procs
rmdir ${root}/ground-truth-leaver
cat words > inside`;
  await writeFile(join(folder, 'leave'), script);
}

async function prepareRepository(folder: string, env: Readonly<Record<string, string>>): Promise<void> {
  const repository = join(folder, 'repository');
  await mkdir(join(repository, 'below'), { recursive: true });
  for (let number = 0; number < 30; number++)
    await writeFile(join(repository, 'below', `file-${number}`), `${number}\n`);
  const git = (...args: string[]) => run('git', ['-C', repository, ...args], { env });
  await git('init', '--quiet', '--initial-branch', 'main');
  await git('add', '.');
  await git('-c', 'user.name=Test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message', 'files');
}

const NPM_ENV = (folder: string): Readonly<Record<string, string>> => ({
  npm_config_cache: join(folder, 'cache'),
  npm_config_offline: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
  npm_config_logs_max: '0',
});

/** Two packages as files, and a cache that has them. */
async function prepareNpm(folder: string, env: Readonly<Record<string, string>>): Promise<void> {
  const npm = (cwd: string, ...args: string[]) => run('npm', args, { cwd, env });
  const dependencies: Record<string, string> = {};
  for (const name of ['first', 'second']) {
    const source = join(folder, 'source', name);
    await mkdir(source, { recursive: true });
    await writeFile(join(source, 'package.json'), JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
    for (let number = 0; number < 10; number++) await writeFile(join(source, `file-${number}.js`), `${number}`);
    await npm(source, 'pack', '--pack-destination', folder);
    dependencies[name] = `file:${name}-1.0.0.tgz`;
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'whole', version: '1.0.0', dependencies }));
  await npm(folder, 'install');
  await rm(join(folder, 'node_modules'), { recursive: true });
}

/** glibc counts processors when threads compete for memory, Node's libraries read the clock's rate when they do for a lock. */
const NODE_VARIES = [/"\/sys\/devices\/system\/cpu\/(?:online|cpu0\/tsc_freq_khz)"/];

const script = (name: string) => async (folder: string) => {
  await copyFile(join(import.meta.dirname, 'programs', name), join(folder, name));
};

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'shell pipelines',
    tries: 'many short programs, opens that fail, redirections',
    prepare: writeWords,
    command: () => ['/bin/sh', '-c', PIPELINES],
  },
  {
    name: '`git clone` of a local repository',
    tries: 'several programs of one tool, files that are linked and renamed',
    prepare: prepareRepository,
    command: () => ['git', 'clone', '--quiet', 'repository', 'copy'],
    env: () => ({ GIT_CONFIG_NOSYSTEM: '1' }),
    differs: [[/\.git\/t\w{6}"/g, '.git/tRANDOM"']],
  },
  {
    name: '`npm ci` from a cache, offline',
    tries: 'more than a thousand opens, from several threads',
    prepare: prepareNpm,
    command: () => ['npm', 'ci'],
    env: NPM_ENV,
    differs: [
      [/_logs\/[^/"]+/g, '_logs/TIME'],
      [/_cacache\/tmp\/[^/"]+/g, '_cacache/tmp/RANDOM'],
      [/(node-compile-cache\/[^"]+)\.\w{6}"/g, '$1.RANDOM"'],
    ],
    varies: NODE_VARIES,
  },
  {
    name: '`gcc`',
    tries: 'a compiler, an assembler and a linker, temporary files',
    prepare: (folder) =>
      writeFile(join(folder, 'hello.c'), '#include <stdio.h>\nint main(void) { return puts("hello"); }\n'),
    command: () => ['gcc', '-O1', '-o', 'hello', 'hello.c'],
    differs: [[/\/cc\w{6}/g, '/ccRANDOM']],
  },
  {
    name: 'python',
    tries: 'opens relative to a directory, threads, a child, a refused connection',
    prepare: script('work.py'),
    command: () => ['/usr/bin/python3', '-B', 'work.py'],
  },
  {
    name: 'node',
    tries: 'a thread pool, a child, a refused connection, a datagram',
    prepare: script('work.mjs'),
    command: () => [process.execPath, 'work.mjs'],
    varies: NODE_VARIES,
  },
  {
    name: 'a daemon that forks twice',
    tries: 'work after the command’s end, in a session of its own',
    ...compiled('daemon.c', (folder) => [folder]),
  },
  {
    name: 'a command that leaves its cgroup',
    tries: 'work outside of the cgroup that the command began in',
    prepare: prepareCgroup,
    command: () => ['/bin/sh', 'leave'],
  },
  {
    name: '2,000 processes of 5 ms each',
    tries: 'processes that are gone before anybody could look at them',
    ...compiled('many-processes.c'),
  },
  {
    name: 'eight threads at the same time',
    tries: 'calls that overlap, on both results',
    ...compiled('threads.c'),
  },
  {
    name: 'a program started by a thread',
    tries: 'an `execve` that ends the other threads and goes on under the id of the process',
    ...compiled('thread-exec.c'),
    lostByStrace: 1,
  },
  {
    name: 'UDP without connect',
    tries: '`sendto`, `sendmsg`, `sendmmsg` over IPv4 and IPv6, with addresses that cannot be read',
    ...compiled('udp.c'),
  },
  {
    name: 'IPv6',
    tries: 'connections to addresses of every kind, refused and answered',
    ...compiled('inet6.c'),
  },
  {
    name: 'long and odd paths',
    tries: 'up to 4,095 bytes, longer ones, every byte, what looks like strace’s own output',
    ...compiled('long-paths.c'),
  },
  {
    name: 'paths in pages not yet resident',
    tries: 'names that cannot be read when the call begins',
    ...compiled('absent-pages.c'),
  },
  {
    name: '32-bit calls of a 64-bit program',
    tries: '`int 0x80`, `socketcall`, in turn with calls of 64 bits',
    ...compiled('compat.c'),
  },
  {
    name: 'io_uring',
    tries: 'an open that no call tells',
    ...compiled('io-uring.c'),
    blindSpot: 'io_uring_setup',
  },
];
