import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from '../lab.mjs';
import { measure, run } from '../measure.mjs';
import { row } from '../row.mjs';

const FILES = 780;
const TIMES = 5;
const node = process.execPath;

/** Everything that a tracer of opens, connects, sends and execs looks at. */
const BPFTRACE = `
tracepoint:syscalls:sys_enter_openat { printf("%d %s\\n", pid, str(args->filename)); }
tracepoint:syscalls:sys_enter_connect { printf("%d connect\\n", pid); }
tracepoint:syscalls:sys_enter_sendto { printf("%d sendto\\n", pid); }
tracepoint:syscalls:sys_enter_execve { printf("%d %s\\n", pid, str(args->filename)); }`;

/** A command that opens files and hardly anything else, recorded; beside itself, and beside others that watch it. */
export function recordOpens(lab) {
  const command = ['sh', '-c', openingScript(lab)];
  const strace = (...options) => run('strace', [...options, '-o', join(lab.place, 'strace.out'), ...command]);
  const times = measure(
    [
      { name: 'ebpf', run: () => record(lab, 'ebpf', command) },
      { name: 'ptrace', run: () => record(lab, 'ptrace', command) },
      { name: 'bare', run: () => run(command[0], command.slice(1)) },
      { name: 'node', run: () => run(node, ['-e', '0']) },
      { name: 'seccomp', run: () => strace('-f', '--seccomp-bpf', '-e', 'trace=open,openat,connect,sendto,execve') },
      { name: 'strace', run: () => strace('-f') },
      { name: 'bpftrace', run: () => bpftrace(lab) },
    ],
    7,
  );
  const [ebpf, ptrace] = [times.get('ebpf'), times.get('ptrace')];
  const bare = times.get('bare');
  const bareAndNode = { median: bare.median + times.get('node').median };
  const work = `recorded run, ${FILES} files opened ${TIMES} times`;
  return [
    row({ work: `${work}, ebpf`, ours: ebpf, peerName: 'the bare command', peer: bare, most: 1.25 }),
    row({
      work: `${work}, ebpf`,
      ours: ebpf,
      peerName: 'the bare command + `node -e 0`',
      peer: bareAndNode,
      most: 1.25,
    }),
    row({ work: `${work}, ebpf`, ours: ebpf, peerName: '`bpftrace`', peer: times.get('bpftrace'), most: 1 }),
    row({
      work: `${work}, ptrace`,
      ours: ptrace,
      peerName: '`strace -f --seccomp-bpf`',
      peer: times.get('seccomp'),
      most: 1.2,
    }),
    row({ work: `${work}, ptrace`, ours: ptrace, peerName: '`strace -f`', peer: times.get('strace'), most: 1 }),
  ];
}

/** What recording costs a command that does nothing. */
export function recordNothing(lab) {
  const times = measure(
    [
      { name: 'ebpf', run: () => record(lab, 'ebpf', ['true']) },
      { name: 'ptrace', run: () => record(lab, 'ptrace', ['true']) },
      { name: 'off', run: () => record(lab, 'off', ['true']) },
      {
        name: 'peer',
        run: () => {
          run(node, ['-e', '0']);
          run('true', []);
        },
      },
    ],
    15,
  );
  const peer = times.get('peer');
  return ['ebpf', 'ptrace', 'off'].map((kernel) => {
    const ours = times.get(kernel);
    const measured = row({
      work: `recorded run of \`true\`, ${kernel}`,
      ours,
      peerName: '`node -e 0` + `true`',
      peer,
      most: 1,
    });
    return { ...measured, budget: '<= +120 ms', met: ours.median - peer.median <= 120 };
  });
}

function record(lab, kernel, command) {
  const archive = join(lab.place, 'recorded.tar.gz');
  rmSync(archive, { force: true });
  const args = ['--quiet', 'run', '--kernel', kernel, '-o', archive, '--', ...command];
  run(node, [cli, ...args], { cwd: lab.place, env: lab.env });
}

/** The shell itself opens, so that nothing but opens is measured. */
function openingScript(lab) {
  const folder = join(lab.place, 'opened');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (let number = 0; number < FILES; number++) writeFileSync(join(folder, `file-${number}`), 'the line of a file\n');
  const times = Array.from({ length: TIMES }, (_, index) => index).join(' ');
  return `for time in ${times}; do for file in ${folder}/*; do read line < $file; done; done`;
}

/** It looks for its tracepoints below a mount that not every machine has: here in a mount namespace of its own. */
function bpftrace(lab) {
  const mounted = 'mount -t debugfs debugfs /sys/kernel/debug && exec bpftrace "$@"';
  const args = ['-o', join(lab.place, 'bpf.out'), '-e', BPFTRACE, '-c', inOneLine(lab)];
  run('unshare', ['--mount', 'sh', '-c', mounted, 'sh', ...args]);
}

/** bpftrace takes the command as one text that it cuts at blanks, and looks up no program. */
function inOneLine(lab) {
  const script = join(lab.place, 'opening.sh');
  writeFileSync(script, `${openingScript(lab)}\n`);
  return `/bin/sh ${script}`;
}
