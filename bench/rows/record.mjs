import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from '../lab.mjs';
import { measure, run } from '../measure.mjs';
import { row, withoutBudget } from '../row.mjs';

const FILES = 780;
const TIMES = 5;
/** Milliseconds that it may take to record a command that does nothing, beside the start of Node. */
const MOST_FOR_NOTHING = 120;
const node = process.execPath;

/** Everything that a tracer of opens, connects, sends and execs looks at. */
const BPFTRACE = `
tracepoint:syscalls:sys_enter_openat { printf("%d %s\\n", pid, str(args->filename)); }
tracepoint:syscalls:sys_enter_connect { printf("%d connect\\n", pid); }
tracepoint:syscalls:sys_enter_sendto { printf("%d sendto\\n", pid); }
tracepoint:syscalls:sys_enter_execve { printf("%d %s\\n", pid, str(args->filename)); }`;

/**
 * A program that opens files, recorded; beside itself, and beside others that watch it. What watching costs the program
 * is its own time; the time of the whole process has what it costs to record anything, too.
 */
export function recordOpens(lab) {
  const program = openingProgram(lab);
  const shell = openingScript(lab);
  return [
    ...ownTimes(lab, program, WORK),
    // A shell does hardly anything else.
    ...ownTimes(lab, shell, `${WORK} by a shell`).map(withoutBudget),
    ...wholeTimes(lab, program),
  ];
}

const WORK = `${FILES} files read ${TIMES} times`;
const SECCOMP = ['-f', '--seccomp-bpf', '-e', 'trace=open,openat,connect,sendto,execve'];

/** From its start to its end, as the shell measures it that starts it. */
function ownTimes(lab, script, what) {
  const place = join(lab.place, 'own-time.txt');
  const timed = `begin=$EPOCHREALTIME; ${script}; end=$EPOCHREALTIME; echo $((\${end/./} - \${begin/./})) > ${place}`;
  const command = ['bash', '-c', timed];
  const took = (start) => () => {
    start();
    return Number(readFileSync(place, 'utf8')) / 1000;
  };
  const times = measure(
    [
      { name: 'ebpf', run: took(() => record(lab, 'ebpf', command)) },
      { name: 'ptrace', run: took(() => record(lab, 'ptrace', command)) },
      { name: 'bare', run: took(() => run(command[0], command.slice(1))) },
      { name: 'seccomp', run: took(() => strace(lab, SECCOMP, command)) },
    ],
    9,
  );
  const work = `${what}, its own time`;
  const beside = (tier, peer, peerName, most) =>
    row({ work: `${work}, ${tier}`, ours: times.get(tier), peerName, peer: times.get(peer), most });
  return [
    beside('ebpf', 'bare', 'the bare command', 1.25),
    beside('ptrace', 'seccomp', '`strace -f --seccomp-bpf`', 1.2),
  ];
}

function wholeTimes(lab, script) {
  const command = ['sh', '-c', script];
  const times = measure(
    [
      { name: 'ebpf', run: () => record(lab, 'ebpf', command) },
      { name: 'ptrace', run: () => record(lab, 'ptrace', command) },
      { name: 'bare', run: () => run(command[0], command.slice(1)) },
      { name: 'node', run: () => run(node, ['-e', '0']) },
      { name: 'seccomp', run: () => strace(lab, SECCOMP, command) },
      { name: 'strace', run: () => strace(lab, ['-f'], command) },
      { name: 'bpftrace', run: () => bpftrace(lab, script) },
    ],
    7,
  );
  const beside = (tier, peer, peerName, most) =>
    row({ work: `recorded run, ${WORK}, ${tier}`, ours: times.get(tier), peerName, peer: times.get(peer), most });
  const withStart = (tier, peer, peerName, most) => {
    const limit = times.get(peer).median * most + times.get('node').median + MOST_FOR_NOTHING;
    const budget = `<= ${most} x + node + ${MOST_FOR_NOTHING} ms`;
    return { ...beside(tier, peer, peerName, most), budget, met: times.get(tier).median <= limit };
  };
  return [
    withStart('ebpf', 'bare', 'the bare command', 1.25),
    beside('ebpf', 'bpftrace', '`bpftrace`', 1),
    withStart('ptrace', 'seccomp', '`strace -f --seccomp-bpf`', 1.2),
    beside('ptrace', 'strace', '`strace -f`', 1),
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
    return {
      ...measured,
      budget: `<= +${MOST_FOR_NOTHING} ms`,
      met: ours.median - peer.median <= MOST_FOR_NOTHING,
    };
  });
}

function record(lab, kernel, command) {
  const archive = join(lab.place, 'recorded.tar.gz');
  rmSync(archive, { force: true });
  const args = ['--quiet', 'run', '--kernel', kernel, '-o', archive, '--', ...command];
  run(node, [cli, ...args], { cwd: lab.place, env: lab.env });
}

function strace(lab, options, command) {
  run('strace', [...options, '-o', join(lab.place, 'strace.out'), ...command]);
}

/** What an agent's program does. */
function openingProgram(lab) {
  const program = join(lab.place, 'opening.py');
  const lines = [
    'import os',
    `folder = ${JSON.stringify(openedFolder(lab))}`,
    `for time in range(${TIMES}):`,
    '    for name in os.listdir(folder):',
    '        with open(os.path.join(folder, name)) as file:',
    '            file.read()',
  ];
  writeFileSync(program, `${lines.join('\n')}\n`);
  return `python3 ${program}`;
}

function openedFolder(lab) {
  const folder = join(lab.place, 'opened');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (let number = 0; number < FILES; number++) writeFileSync(join(folder, `file-${number}`), 'the line of a file\n');
  return folder;
}

/** The shell itself opens, so that nothing but opens is measured. */
function openingScript(lab) {
  const folder = openedFolder(lab);
  const times = Array.from({ length: TIMES }, (_, index) => index).join(' ');
  return `for time in ${times}; do for file in ${folder}/*; do read line < $file; done; done`;
}

/** It looks for its tracepoints below a mount that not every machine has: here in a mount namespace of its own. */
function bpftrace(lab, script) {
  const mounted = 'mount -t debugfs debugfs /sys/kernel/debug && exec bpftrace "$@"';
  const args = ['-o', join(lab.place, 'bpf.out'), '-e', BPFTRACE, '-c', inOneLine(lab, script)];
  run('unshare', ['--mount', 'sh', '-c', mounted, 'sh', ...args]);
}

/** bpftrace takes the command as one text that it cuts at blanks, and looks up no program. */
function inOneLine(lab, script) {
  const file = join(lab.place, 'opening.sh');
  writeFileSync(file, `${script}\n`);
  return `/bin/sh ${file}`;
}
