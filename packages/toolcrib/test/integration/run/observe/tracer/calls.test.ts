import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObservedCall } from '../../../../../src/run/observe/observed-call.ts';
import { probeTracer } from '../../../../../src/run/observe/tracer/probe.ts';
import { requireOrSkip } from '../../../../servers/require.ts';
import { compileWorkloads, withoutLoader, type Traced, type Workloads } from './traced.ts';

const probe = await probeTracer();
const ANY_NUMBER: unknown = expect.any(Number);
const BIN_TRUE: unknown = expect.stringMatching(/\/bin\/true$/);
const isX64 = process.arch === 'x64';

describe('the tracer tells', requireOrSkip('reason' in probe ? probe.reason : undefined), () => {
  let workloads: Workloads;
  beforeAll(async () => {
    workloads = await compileWorkloads();
  });
  afterAll(() => workloads[Symbol.asyncDispose]());

  /** The calls of a workload between its own exec and its own exit; nothing of it may be lost. */
  async function callsOf(name: string): Promise<{ calls: readonly ObservedCall[]; folder: string; traced: Traced }> {
    const traced = await workloads.trace([workloads.program, name]);
    expect(traced.end).toEqual({ exitCode: 0, signal: null });
    const lost = traced.capture.accounts.filter(({ dropped, missed }) => dropped + missed > 0);
    expect(lost).toEqual([]);
    return { calls: withoutLoader(traced.calls).slice(1, -1), folder: traced.folder, traced };
  }

  const unreadable = ({ capture }: Traced): number => capture.accounts.reduce((sum, one) => sum + one.unreadable, 0);

  test('paths in pages that are not in memory when the call begins, and the program that is started by one', async () => {
    const { calls, folder, traced } = await callsOf('not-resident');
    const opens = calls.filter((call) => call.kind === 'open' && call.path.given !== 'absent-page');
    const names = Array.from({ length: 20 }, (_, index) => `absent-${index}`);
    expect(opens).toMatchObject(
      names.map((name) => ({ path: { given: name, absolute: `${folder}/${name}`, late: true }, result: -2 })),
    );
    expect(calls.at(-1)).toMatchObject({ kind: 'exec', path: { given: '/bin/true' }, result: 0 });
    expect(unreadable(traced)).toBe(0);
  });

  test('no path that the call itself may have changed before it was read, which is a loss', async () => {
    const { calls, traced } = await callsOf('cut-paths');
    const cut = calls.filter((call) => 'call' in call && call.call === 'truncate');
    expect(cut).toMatchObject([{ result: 0, paths: [{ given: undefined }] }]);
    expect(unreadable(traced)).toBe(1);
  });

  test('no peer that stands where the call writes, which is a loss', async () => {
    const { calls, traced } = await callsOf('overwritten-peer');
    expect(calls).toMatchObject([{ call: 'sendmmsg', peer: undefined, unreadable: true, result: 1 }]);
    expect(unreadable(traced)).toBe(1);
  });

  test('every change that it lets nobody make in its tables', async () => {
    const { calls } = await callsOf('change-tables');
    const commands = calls.flatMap((call) => (call.kind === 'blind-spot' ? [[call.detail, call.result]] : []));
    expect(commands).toContainEqual(['command 2', -1]);
    expect(commands).not.toContainEqual(['command 2', 0]);
  });

  test('paths of up to 4,095 bytes whole, longer ones cut, and deep folders without a place', async () => {
    const { calls } = await callsOf('long-paths');
    const [longest, tooLong] = calls;
    const given = `${'./'.repeat(2047)}a`;
    expect(longest).toMatchObject({ path: { given }, result: -2 });
    expect(longest).not.toHaveProperty('path.cut');
    expect(tooLong).toMatchObject({ path: { given: 'b'.repeat(4095), cut: true }, result: -36 });
    const places = calls.flatMap((call) => (call.kind === 'effect' ? call.paths : []));
    expect(places).toHaveLength(25);
    expect(places[3]?.absolute).toMatch(/\/traced-[^/]+(?:\/d{200}){4}$/);
    expect(places[24]?.absolute).toBeUndefined();
    expect(calls.at(-1)).toHaveProperty('path', { given: 'leaf' });
  });

  test('paths that the kernel could not read either, which is no loss', async () => {
    const { calls, traced } = await callsOf('bad-pointers');
    const failed = calls.filter((call) => call.kind === 'open');
    expect(failed).toMatchObject([{ result: -14 }, { result: -14 }]);
    expect(failed.map((call) => 'path' in call && call.path.given)).toEqual([undefined, undefined]);
    // The kernel did not look at the address of a socket that is none.
    expect(calls.at(-1)).toMatchObject({ kind: 'connect', peer: undefined, result: -9 });
    expect(unreadable(traced)).toBe(1);
  });

  test.runIf(isX64)('32-bit calls by their own table, socketcall unfolded', async () => {
    const { calls, folder } = await callsOf('compat');
    const path = { given: 'compat-file', absolute: `${folder}/compat-file` };
    const peer = { family: 'inet', address: '127.0.0.1', port: 9 };
    expect(calls).toMatchObject([
      { abi: 'compat', call: 'open', path, flags: 0o101, mode: 0o640, result: ANY_NUMBER },
      { abi: 'compat', call: 'openat', path, flags: 0 },
      { abi: 'compat', call: 'unlink', paths: [path], result: 0 },
      { abi: 'compat', call: 'connect', peer, result: 0 },
      { abi: 'compat', call: 'sendmsg', peer },
      { abi: 'compat', call: 'socket', kind: 'blind-spot', detail: 'family 17, type 3' },
      { abi: 'compat', call: 'socket', kind: 'blind-spot', detail: 'family 2, type 3' },
    ]);
  });

  test('whom datagrams go to, one by one, and whom sockets are connected with', async () => {
    const { calls } = await callsOf('peers');
    const inet = (port: number): object => ({ family: 'inet', address: '127.0.0.1', port });
    expect(calls).toMatchObject([
      { call: 'sendto', peer: inet(9) },
      { call: 'sendto', peer: { family: 'inet6', address: '::1', port: 99 } },
      { call: 'connect', peer: { family: 'unix', path: './socket' }, result: -2 },
      { call: 'connect', peer: { family: 'unix', path: '@hidden' }, result: -111 },
      { call: 'sendmmsg', peer: inet(100), result: 3 },
      { call: 'sendmmsg', peer: inet(101), result: 3 },
      { call: 'sendmmsg', peer: inet(102), result: 3 },
      { call: 'sendmsg', peer: inet(101), result: 1 },
      { call: 'connect', peer: inet(9), result: 0 },
      { call: 'sendto', peer: undefined, result: 1 },
      { call: 'connect', peer: { family: 'other', number: 0 }, result: 0 },
    ]);
  });

  test('what is bound, and whom accept let in', async () => {
    const { calls } = await callsOf('accepting');
    expect(calls).toMatchObject([
      { kind: 'effect', call: 'bind', peer: { address: '127.0.0.1', port: 0 } },
      { kind: 'connect', result: 0 },
      { kind: 'effect', call: 'accept', peer: { address: '127.0.0.1', port: ANY_NUMBER } },
    ]);
  });

  test('where a path leads, from the folder that it is relative to', async () => {
    const { calls, folder } = await callsOf('folders');
    const at = (given: string, place: string): object => ({ given, absolute: `${folder}/${place}` });
    expect(calls).toMatchObject([
      { call: 'mkdir', paths: [at('folder', 'folder')] },
      { call: 'openat', path: at('folder', 'folder') },
      { call: 'openat', path: at('made', 'folder/made'), mode: 0o644 },
      { call: 'openat', path: at('missing', 'folder/missing'), result: -2 },
      { call: 'fchmod', paths: [at('', 'folder')] },
      { call: 'symlink', paths: [{ given: 'target' }, at('folder/link', 'folder/link')] },
      { call: 'openat', path: at('folder/link/below', 'folder/link/below'), result: -2 },
      { call: 'renameat', paths: [at('made', 'folder/made'), at('moved', 'moved')] },
      { call: 'unlink', paths: [at('moved', 'moved')] },
      { call: 'openat2', path: at('../moved', 'folder/../moved'), resolve: 8, result: -18 },
      { call: 'openat', path: { given: '/bin/true', absolute: BIN_TRUE } },
      { call: 'fork', child: ANY_NUMBER },
      { call: 'symlink' },
      { call: 'execveat', path: at('program', 'folder/program'), result: 0 },
      { call: 'exit', result: 0 },
      { call: 'execveat', path: { given: '', absolute: BIN_TRUE }, result: 0 },
    ]);
  });

  test('what can hide from it', async () => {
    const { calls } = await callsOf('blind-spots');
    expect(calls).toMatchObject([
      { kind: 'blind-spot', call: 'io_uring_setup' },
      { kind: 'blind-spot', call: 'memfd_create', detail: 'hidden' },
      { kind: 'blind-spot', call: 'ptrace', detail: 'PTRACE_TRACEME' },
      { kind: 'blind-spot', call: 'unshare', detail: 'flags 0x4000000' },
      { kind: 'blind-spot', call: 'setns', detail: 'type 0x40000000', result: -9 },
      { kind: 'blind-spot', call: 'bpf', detail: 'command 99' },
      { kind: 'blind-spot', call: 'fanotify_init', result: -22 },
      { kind: 'blind-spot', call: 'acct', detail: 'no-account' },
      { kind: 'blind-spot', call: 'swapon', detail: 'no-swap' },
      { kind: 'blind-spot', call: 'request_key' },
    ]);
  });

  test('the call in which a process was killed', async () => {
    const { calls, folder } = await callsOf('killed');
    const [pipe, forked, opened, killed] = calls;
    expect(pipe).toMatchObject({ call: 'mknodat', paths: [{ absolute: `${folder}/pipe` }] });
    expect(forked).toMatchObject({ call: 'fork' });
    // The kernel's own number for a call that a signal stopped.
    expect(opened).toMatchObject({ kind: 'open', path: { given: 'pipe' }, result: -512 });
    expect(killed).toMatchObject({ call: 'exit', result: -9, pid: forked?.result });
  });

  test('the exec of a thread as that of its process', async () => {
    const { calls, traced } = await callsOf('thread-exec');
    const pid = traced.calls[0]?.pid;
    const exec = calls.find((call) => call.kind === 'exec');
    expect(exec).toMatchObject({ pid, tid: pid, path: { given: '/bin/true' } });
    expect(traced.calls.at(-1)).toMatchObject({ call: 'exit', pid });
  });

  test.each(['last-thread', 'held-thread'])('the end of a process as wait tells it: %s', async (name) => {
    const { end, calls, capture } = await workloads.trace([workloads.program, name]);
    expect(end).toEqual({ exitCode: 5, signal: null });
    expect(capture.survivors).toBe(0);
    const exits = calls.filter((call) => call.kind === 'process' && call.call === 'exit' && call.pid === calls[0]?.pid);
    expect(exits).toHaveLength(2);
    expect(exits.at(-1)).toMatchObject({ isOfProcess: true });
    for (const exit of exits) if ('isOfProcess' in exit) expect(exit.result).toBe(5);
  });

  test('nothing of what it dropped, but exactly how much that was', async () => {
    const opened = async (count: number): Promise<{ emitted: number; dropped: number; told: number }> => {
      const command = [workloads.program, 'storm', String(count)];
      const { calls, capture } = await workloads.trace(command, { bufferBytes: 4096 });
      expect(capture).toMatchObject({ attribution: 'proven', endedEarly: false });
      const { emitted = 0, dropped = 0 } = capture.accounts.find(({ hook }) => hook === 'openat') ?? {};
      return { emitted, dropped, told: calls.filter(({ call }) => call === 'openat').length };
    };
    const count = 300_000;
    const [none, storm] = [await opened(0), await opened(count)];
    expect(none.dropped).toBe(0);
    expect(storm.dropped).toBeGreaterThan(0);
    expect(storm.told).toBe(storm.emitted);
    expect(storm.emitted + storm.dropped).toBe(none.emitted + count);
  });
});
