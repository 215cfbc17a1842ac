import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ObservedCall } from '../../../../../src/run/observe/observed-call.ts';
import { createTraceReader, UNDECODED_HOOK } from '../../../../../src/run/observe/strace/trace-reader.ts';
import { writtenCall, type WrittenCall } from './written-call.ts';

function read(...lines: readonly string[]): readonly ObservedCall[] {
  const reader = createTraceReader();
  return [...reader.read(lines.map((line) => `${line}\n`).join('')), ...reader.end()];
}

function lost(...lines: readonly string[]): number {
  const reader = createTraceReader();
  reader.read(lines.map((line) => `${line}\n`).join(''));
  reader.end();
  return reader.accounts().find(({ hook }) => hook === UNDECODED_HOOK)?.dropped ?? 0;
}

/** Several tasks, each making its calls one after the other, as strace writes them in one order that is possible. */
const interleaved = fc
  .array(fc.record({ task: fc.nat(3), call: writtenCall, others: fc.nat(2) }), { maxLength: 12 })
  .map((steps) => {
    const lines: string[] = [];
    const told: object[] = [];
    const open: { readonly tid: number; readonly call: WrittenCall; wait: number }[] = [];
    const close = (isDue: (one: { tid: number; wait: number }) => boolean) => {
      for (const one of open.filter(isDue)) {
        const name = one.call.before.slice(0, one.call.before.indexOf('('));
        lines.push(`${one.tid} <... ${name} resumed>${one.call.after}`);
        told.push({ ...one.call.told, tid: one.tid, pid: one.tid });
        open.splice(open.indexOf(one), 1);
      }
    };
    for (const { task, call, others } of steps) {
      const tid = 100 + task;
      close((one) => one.tid === tid || one.wait-- <= 0);
      if (others > 0) {
        lines.push(`${tid} ${call.before} <unfinished ...>`);
        open.push({ tid, call, wait: others });
      } else {
        lines.push(`${tid} ${call.before}${call.after}`);
        told.push({ ...call.told, tid, pid: tid });
      }
    }
    close(() => true);
    return { lines, told };
  });

describe('what strace writes', () => {
  test('is told call by call, with every byte of paths and addresses, however tasks take turns', () => {
    fc.assert(
      fc.property(interleaved, ({ lines, told }) => {
        expect(read(...lines)).toEqual(
          told.map((call) => expect.objectContaining({ abi: 'native', ...call }) as object),
        );
        expect(lost(...lines)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('may come in any pieces', () => {
    fc.assert(
      fc.property(interleaved, fc.array(fc.nat(200), { maxLength: 30 }), ({ lines }, sizes) => {
        const text = lines.map((line) => `${line}\n`).join('');
        const reader = createTraceReader();
        const told: ObservedCall[] = [];
        let at = 0;
        for (const size of [...sizes, text.length]) told.push(...reader.read(text.slice(at, (at += size))));
        expect([...told, ...reader.end()]).toEqual(read(...lines));
      }),
    );
  });

  test('that makes no sense is counted as lost, never thrown', () => {
    const words = fc.constantFrom(
      '1 ',
      'openat(',
      '"',
      ') = 3',
      '{',
      '[',
      '<... ',
      ' resumed>',
      ' <unfinished ...>',
      '+++',
    );
    const garbage = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(words).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(fc.array(garbage.map((text) => text.replaceAll('\n', ' '))), (lines) => {
        const reader = createTraceReader();
        const told = [...reader.read(`${lines.join('\n')}\n`), ...reader.end()];
        expect(reader.accounts().reduce((sum, { emitted }) => sum + emitted, 0)).toBe(told.length);
      }),
      { numRuns: 1000 },
    );
    expect(lost('1 openat(-100, "/a', 'nonsense', '1 openat(-100, "/a", 0) = -1 EWHAT (What)', '')).toBe(4);
    expect(lost('1 <... openat resumed>) = 3')).toBe(1);
  });

  test('in a line without end takes no memory', () => {
    const reader = createTraceReader();
    for (let piece = 0; piece < 100; piece++) reader.read('x'.repeat(100_000));
    expect(reader.read('\n1 unlink("/a") = 0\n')).toMatchObject([{ call: 'unlink' }]);
    expect(reader.accounts()).toContainEqual({
      hook: UNDECODED_HOOK,
      emitted: 0,
      dropped: 1,
      unreadable: 0,
      missed: 0,
    });
  });
});

describe('a filter of the command’s own', () => {
  const missed = (line: string): readonly number[] => {
    const reader = createTraceReader();
    reader.read(`${line}\n`);
    return reader.accounts().map((account) => account.missed);
  };

  test('that hands calls to a listener, past strace, is a blind spot after which calls are missed', () => {
    const line = '7 seccomp(0x1, 0x8, {len=6, filter=0x7ffd4cec2f30}) = 3';
    expect(read(line)).toMatchObject([{ kind: 'blind-spot', call: 'seccomp', result: 3 }]);
    expect(missed(line)).toEqual([1]);
    expect(missed('7 seccomp(0x1, 0x18, {len=6, filter=0x7ffd4cec2f30}) = 3')).toEqual([1]);
    expect(missed('7 seccomp(0x1, 0x8, NULL) = -1 EFAULT (Bad address)')).toEqual([0]);
  });

  test('without a listener hides nothing, and is not told', () => {
    expect(read('7 seccomp(0x1, 0, {len=6, filter=0x7ffd4cec2f30}) = 0')).toEqual([]);
    expect(read('7 seccomp(0x2, 0x8, 0x7ffd4cec2f30) = 0')).toEqual([]);
  });
});

describe('a call', () => {
  test('that its task was killed in has no result', () => {
    expect(read('7 openat(-100, "pipe", 0 <unfinished ...>', '7 +++ killed by SIGKILL +++')).toMatchObject([
      { kind: 'open', path: { given: 'pipe' }, result: undefined },
      { kind: 'process', call: 'exit', result: -9 },
    ]);
    expect(read('7 accept4(3,  <unfinished ...>', '7 +++ killed by SIGTERM (core dumped) +++')).toMatchObject([
      { call: 'accept4', result: undefined },
      { call: 'exit', result: -15 },
    ]);
  });

  test('is told when the output ends in the middle of it', () => {
    expect(read('7 connect(3, {sa_family=0x1}, 2 <unfinished ...>')).toMatchObject([
      { kind: 'connect', peer: { family: 'unix', path: '' }, result: undefined },
    ]);
  });

  test('that the kernel restarts is told each time', () => {
    const told = read(
      '7 --- SIGALRM {si_signo=0xe, si_code=0x80} ---',
      '7 openat(-100, "ff", 0) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
      '7 openat(-100, "ff", 0) = 3',
      '7 +++ killed by SIGRT_3 +++',
    );
    expect(told.map(({ result }) => result)).toEqual([-512, 3, -35]);
  });

  test('with a path that is longer than a path can be is marked as cut', () => {
    expect(read('7 open("xxx"..., 0) = -1 ENAMETOOLONG (File name too long)')).toMatchObject([
      { path: { given: 'xxx', cut: true }, result: -36 },
    ]);
  });

  test('with an address that nobody can read is no loss, with one that only strace cannot read is', () => {
    const reader = createTraceReader();
    const told = reader.read(
      '7 openat(-100, 0x9, 0) = -1 EFAULT (Bad address)\n7 openat(-100, 0x7f0010, 0) = 3\n7 sendto(4, ""..., 1, 0, 0x8, 16) = 1\n',
    );
    expect(told).toMatchObject([
      { path: { given: undefined } },
      { path: { given: undefined } },
      { peer: undefined, unreadable: true },
    ]);
    expect(reader.accounts().map(({ hook, emitted, unreadable }) => [hook, emitted, unreadable])).toEqual([
      ['openat', 2, 1],
      ['sendto', 1, 1],
    ]);
  });

  test('with an address without a family is a send to IPv4, and a connect to nobody', () => {
    const data = `\\x00\\x35\\xcb\\x00\\x71\\x0a${'\\x00'.repeat(8)}`;
    const address = `{sa_family=0, sa_data="${data}"}`;
    const message = `{msg_name=${address}, msg_namelen=16, msg_iov=[...], msg_iovlen=1, msg_flags=0}`;
    const calls = [`sendto(3, ""..., 1, 0, ${address}, 16) = 1`, `sendmsg(3, ${message}, 0) = 1`];
    const peer = { family: 'inet', address: '203.0.113.10', port: 53 };
    expect(calls.flatMap((call) => read(`7 ${call}`))).toMatchObject([{ peer }, { peer }]);
    expect(read(`7 connect(3, ${address}, 16) = 0`)).toMatchObject([{ peer: { family: 'other', number: 0 } }]);
  });

  test('of sendmmsg is told once for each message that was sent', () => {
    const header = (name: string): string => `msg_hdr={msg_name=${name}, msg_namelen=28, msg_iovlen=2, msg_flags=0}`;
    const to = (port: string): string => `{sa_family=0x2, sin_port="\\x00\\x${port}", sin_addr="\\x7f\\x00\\x00\\x01"}`;
    const list = (name: string, result: string): string =>
      `7 sendmmsg(3, [{${header(to('07'))}, msg_len=5}, {${header('NULL')}, msg_len=6}, {${header(name)}}], 3, 0) = ${result}`;
    expect(read(list(to('09'), '2'))).toMatchObject([
      { call: 'sendmmsg', peer: { port: 7 }, result: 5 },
      { call: 'sendmmsg', peer: undefined, result: 6 },
    ]);
    expect(read(list(to('09'), '-1 EPERM (Operation not permitted)'))).toMatchObject([
      { peer: { port: 7 }, result: -1 },
    ]);
  });

  test.each([
    ['a packet socket', '0x11, 0x3|0x80000, htons(0)', true],
    ['a packet socket for datagrams', '0x11, 0x2, 0x300', true],
    ['a packet socket of the old kind', '0x2, 0xa, 0x300', true],
    ['a raw socket', '0x2, 0x3, 0x1', true],
    ['what nobody can read', '0x2, SOCK_NEW, 0', true],
    ['netlink, which is raw by name', '0x10, 0x3|0x80000, 0', false],
    ['a unix socket', '0x1, 0x3, 0', false],
    ['a stream', '0x2, 0x1, 0', false],
  ])('that makes %s hides others: %s: %s', (_name, args, isTold) => {
    const told = read(`7 socket(${args}) = 3`);
    expect(told.map(({ kind, call }) => [kind, call])).toEqual(isTold ? [['blind-spot', 'socket']] : []);
  });

  test('of a kind that hides others says what was asked for', () => {
    const told = read(
      '7 io_uring_setup(8, {flags=0, sq_thread_cpu=0, features=0x1}) = 3',
      '7 ptrace(0x10, 12) = 0',
      '7 unshare(0x10000000) = 0',
      '7 memfd_create(""..., 0x1) = 3',
    );
    expect(told).toMatchObject([
      { kind: 'blind-spot', call: 'io_uring_setup', result: 3 },
      { call: 'ptrace', detail: '0x10' },
      { call: 'unshare', detail: '0x10000000' },
      { call: 'memfd_create' },
    ]);
  });

  test('of 32 bits is told as such, until its task calls in 64 again', () => {
    const told = read(
      '7 openat(-100, "/a", 0) = 3',
      '7 [ Process PID=7 runs in 32 bit mode. ]',
      '7 open("/b", 0) = 3',
      '8 openat2(-100, "/c", {flags=0, resolve=0}, 24) = 3',
      '7 [ Process PID=7 runs in 64 bit mode. ]',
      '7 openat(-100, "/d", 0) = 3',
    );
    // 8 came when strace saw 32 bits last, and strace said nothing else of it.
    expect(told.map(({ abi }) => abi)).toEqual(['native', 'compat', 'compat', 'native']);
  });
});

describe('a task', () => {
  const CLONE_THREAD = 'clone3({flags=0x3d0f00, exit_signal=0, stack=0x7f, tls=0x7f}';
  const CLONE = 'clone(child_stack=NULL, flags=0x1200000|17';

  test('that is a thread is told with the process it belongs to', () => {
    const told = read(
      `7 ${CLONE_THREAD} => {parent_tid=[8]}, 88) = 8`,
      '8 openat(-100, "/a", 0) = 3',
      `7 ${CLONE}, child_tidptr=0x7f) = 9`,
      '9 openat(-100, "/b", 0) = 3',
    );
    expect(told).toMatchObject([
      { call: 'fork', pid: 7, result: 8, child: 7 },
      { pid: 7, tid: 8 },
      { call: 'fork', pid: 7, result: 9, child: 9 },
      { pid: 9, tid: 9 },
    ]);
  });

  test('that calls before strace tells who made it is told with the right process all the same', () => {
    const told = read(
      `7 ${CLONE_THREAD} <unfinished ...>`,
      '5 fork( <unfinished ...>',
      '8 openat(-100, "/thread", 0) = 3',
      '6 openat(-100, "/child", 0) = 3',
      '6 openat(-100, "/child2", 0) = 4',
      '7 <... clone3 resumed> => {parent_tid=[8]}, 88) = 8',
      '5 <... fork resumed>) = 6',
    );
    const opened = told.flatMap((call) => (call.kind === 'open' ? [[call.path.given, call.pid]] : []));
    expect(opened).toEqual([
      ['/thread', 7],
      ['/child', 6],
      ['/child2', 6],
    ]);
  });

  test('in a namespace of its own is told by the id that everybody else knows', () => {
    const reader = createTraceReader();
    const told = reader.read(
      `7 ${CLONE}, child_tidptr=0x7f) = 2 /* 9 in strace's PID NS */\n9 +++ exited with 0 +++\n7 +++ exited with 0 +++\n`,
    );
    expect(told[0]).toMatchObject({ call: 'fork', result: 9, child: 9 });
    expect([...reader.alive()]).toEqual([]);
  });

  test('made by vfork is told at once, not when its maker goes on', () => {
    const reader = createTraceReader();
    reader.read('7 vfork( <unfinished ...>\n');
    expect(reader.read('8 execve("/bin/a", [...], 0x7f /* 2 vars */) = 0\n')).toMatchObject([{ pid: 8, kind: 'exec' }]);
    expect([...reader.alive()]).toEqual([7, 8]);
    reader.read('8 +++ exited with 0 +++\n');
    expect([...reader.alive()]).toEqual([7]);
  });

  test.each([
    ['vfork', '7 vfork( <unfinished ...>', '7 <... vfork resumed>) = 8'],
    ['fork', '7 fork( <unfinished ...>', '7 <... fork resumed>) = 8'],
    ['a thread', `7 ${CLONE_THREAD} <unfinished ...>`, '7 <... clone3 resumed> => {parent_tid=[8]}, 88) = 8'],
  ])('that is gone before it is told who made it is not alive: %s', (_name, begin, end) => {
    const reader = createTraceReader();
    const lines = ['7 openat(-100, "/a", 0) = 3', begin, '8 openat(-100, "/b", 0) = 3', '8 +++ exited with 0 +++', end];
    const told = reader.read(`${lines.join('\n')}\n`);
    expect(told.map(({ call }) => call)).toEqual(['openat', 'openat', 'exit', 'fork']);
    expect([...reader.alive()]).toEqual([7]);
    // Its id may become another's.
    reader.read(`${begin}\n8 openat(-100, "/c", 0) = 3\n${end}\n`);
    expect([...reader.alive()]).toEqual(begin.includes('fork') ? [7, 8] : [7]);
    reader.read('8 +++ exited with 0 +++\n7 +++ exited with 0 +++\n');
    expect([...reader.alive()]).toEqual([]);
  });

  test('that starts a program from a thread goes on as its process, and what strace missed is counted', () => {
    const lines = [
      `7 ${CLONE_THREAD} => {parent_tid=[8]}, 88) = 8`,
      '8 execve("/bin/true", [...], 0x7f /* 35 vars */ <pid changed to 7 ...>',
      '7 +++ superseded by execve in pid 8 +++',
      '7 <... execve resumed>) = -1 (errno 18446744073709551359)',
      '7 +++ exited with 0 +++',
    ];
    expect(read(...lines)).toMatchObject([
      { call: 'fork' },
      { call: 'exit', tid: 7, result: 0 },
      { kind: 'exec', path: { given: '/bin/true' }, pid: 7, tid: 7, result: 0 },
      { call: 'exit', tid: 7 },
    ]);
    expect(lost(...lines)).toBe(1);
  });
});
