import { describe, expect, test } from 'vitest';
import type { ObservedCall } from '../../../../../src/run/observe/observed-call.ts';
import { blockOf, readCallRecord, type CallKind } from '../../../../../src/run/observe/tracer/call-record.ts';
import { observedCall } from '../../../../../src/run/observe/tracer/observed.ts';
import { callRecord, NO_CALL, type WrittenCall } from './stream-writer.ts';

/** What is told of one call of that kind and name. */
function told(kind: CallKind, name: string, call: Partial<WrittenCall>): ObservedCall {
  const bytes = callRecord({ ...NO_CALL, ...call });
  const record = readCallRecord(blockOf(bytes), 0, bytes.byteLength, [{ kind, name }]);
  if (record === undefined) throw new Error('no record');
  return observedCall(record);
}

const text = (value: string): Buffer => Buffer.from(value);
/** Names of folders as the kernel's side walks them: from the leaf up. */
const way = (path: string): Buffer =>
  text(
    path
      .split('/')
      .slice(1)
      .reverse()
      .map((name) => `${name}\0`)
      .join(''),
  );
const [COMPAT, NO_RESULT, GIVEN, GIVEN_2] = [2, 1, 1024, 2048];
const [ABSOLUTE, ABSOLUTE_2, RETURNED, CUT, UNREADABLE, DESCRIPTOR] = [128, 256, 512, 32, 4, 4096];
const LATE_2 = 16384;
const AT_FDCWD = 0xffffff9cn;

describe('a record of the tracer', () => {
  test('tells who made the call, when, where, and what came of it', () => {
    const call = { pid: 11, tid: 12, cgroup: 13, time: 14n, result: -2, flags: GIVEN | COMPAT };
    expect(told('open', 'openat', call)).toEqual({
      kind: 'open',
      call: 'openat',
      abi: 'compat',
      pid: 11,
      tid: 12,
      cgroupId: 13,
      time: 14n,
      result: -2,
      path: { given: '' },
      flags: 0,
    });
  });

  test('of a call that never returned has no result', () => {
    expect(told('connect', 'connect', { flags: NO_RESULT, result: -1 })).toMatchObject({ result: undefined });
  });

  test.each([
    ['a path below the folder', 'openat', 'b/c', '/x/a', ABSOLUTE, '/x/a/b/c'],
    ['a path below the root', 'openat', 'b', '', ABSOLUTE, '/b'],
    ['an absolute path', 'openat', '/b', '', ABSOLUTE, '/b'],
    ['an absolute path in another root', 'openat', '/b', '/jail', ABSOLUTE, '/jail/b'],
    ['a file that was returned', 'openat', '../link', '/real/file', ABSOLUTE | RETURNED, '/real/file'],
    ['no way to the root', 'openat', 'b', '', 0, undefined],
    ['a path that is cut', 'openat', 'b', '/x', ABSOLUTE | CUT, undefined],
    ['an empty path', 'openat', '', '/x/a', ABSOLUTE, '/x/a'],
  ])('resolves %s', (_name, name, given, folder, flags, absolute) => {
    const call = told('open', name, {
      flags: GIVEN | flags,
      arguments: [AT_FDCWD],
      sections: [text(given), folder === '' ? text('') : way(folder)],
    });
    const path = {
      given,
      ...(absolute === undefined ? {} : { absolute }),
      ...(flags === (ABSOLUTE | CUT) ? { cut: true } : {}),
    };
    expect(call).toMatchObject({ path });
    expect(call).toHaveProperty('path', path);
  });

  test('tells paths apart whose bytes are the same, cut or flagged otherwise', () => {
    const bytes = [
      { flags: GIVEN | ABSOLUTE, sections: [text('same'), text('x\0')], path: { given: 'same', absolute: '/x/same' } },
      { flags: GIVEN | ABSOLUTE, sections: [text(''), text('samex\0')], path: { given: '', absolute: '/samex' } },
      { flags: GIVEN, sections: [text('same'), text('x\0')], path: { given: 'same' } },
      {
        flags: GIVEN | ABSOLUTE | RETURNED,
        sections: [text('same'), text('x\0')],
        path: { given: 'same', absolute: '/x' },
      },
      { flags: GIVEN | CUT, sections: [text('same'), text('x\0')], path: { given: 'same', cut: true } },
    ];
    for (const { path, ...call } of [...bytes, ...bytes.toReversed()]) {
      expect(told('open', 'openat', call)).toHaveProperty('path', path);
      const both = { flags: GIVEN | GIVEN_2, sections: [text('same'), text(''), text('samex'), text('')] };
      expect(told('effect', 'rename', both)).toHaveProperty('paths', [{ given: 'same' }, { given: 'samex' }]);
    }
  });

  test('escapes bytes of its path and of the names of folders that are not UTF-8', () => {
    const sections = [Buffer.from([0x61, 0xff, 0x5c]), Buffer.from([0xc3, 0xa9, 0, 0xfe, 0])];
    expect(told('open', 'openat', { flags: GIVEN | ABSOLUTE, sections })).toHaveProperty('path', {
      given: 'a\\xff\\\\',
      absolute: '/\\xfe/é/a\\xff\\\\',
    });
  });

  test('whose path could not be read says so', () => {
    const call = told('open', 'openat', { flags: GIVEN | UNREADABLE | ABSOLUTE, sections: [text(''), way('/x')] });
    expect(call).toHaveProperty('path', { given: undefined });
  });

  test('whose path was read when it had ended says so', () => {
    const call = told('effect', 'rename', {
      flags: GIVEN | GIVEN_2 | LATE_2,
      sections: [text('a'), text(''), text('b')],
    });
    expect(call).toHaveProperty('paths', [{ given: 'a' }, { given: 'b', late: true }]);
  });

  test('tells flags and mode as each call has them, and a mode only where a file may be made', () => {
    const creating = 0o101n;
    expect(told('open', 'open', { arguments: [0n, creating, 0o640n] })).toMatchObject({ flags: 0o101, mode: 0o640 });
    expect(told('open', 'openat', { arguments: [AT_FDCWD, 0n, creating, 0o600n] })).toMatchObject({ mode: 0o600 });
    expect(told('open', 'openat', { arguments: [AT_FDCWD, 0n, 2n, 0o600n] })).not.toHaveProperty('mode');
    expect(told('open', 'creat', { arguments: [0n, 0o644n] })).toMatchObject({ flags: 0o1101, mode: 0o644 });
    // Above the bits of the argument is whatever the register held.
    expect(told('open', 'openat', { arguments: [AT_FDCWD, 0n, (7n << 32n) | 2n] })).toMatchObject({ flags: 2 });
  });

  test('of openat2 tells what its structure says', () => {
    const how = Buffer.alloc(24);
    how.writeBigUInt64LE(0o100n);
    how.writeBigUInt64LE(0o640n, 8);
    how.writeBigUInt64LE(8n, 16);
    const sections = [text('a'), way('/x'), text(''), text(''), how];
    const flags = GIVEN | ABSOLUTE;
    expect(told('open', 'openat2', { flags, sections })).toMatchObject({
      flags: 0o100,
      mode: 0o640,
      resolve: 8,
      path: { absolute: '/x/a' },
    });
    // RESOLVE_IN_ROOT: what leads to the root leads to the folder.
    how.writeBigUInt64LE(0x10n, 16);
    expect(told('open', 'openat2', { flags, sections })).toHaveProperty('path', { given: 'a' });
  });

  test('tells peers, also none and one that could not be read', () => {
    const peer = Buffer.from([2, 0, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    const none = text('');
    const sections = [none, none, none, none, peer];
    const inet = { family: 'inet', address: '1.2.3.4', port: 80 };
    expect(told('connect', 'connect', { sections })).toHaveProperty('peer', inet);
    expect(told('send', 'sendto', { sections })).toEqual(expect.not.objectContaining({ unreadable: true }));
    expect(told('send', 'sendto', {})).toHaveProperty('peer', undefined);
    expect(told('send', 'sendto', { flags: 16 })).toMatchObject({ peer: undefined, unreadable: true });
    expect(told('effect', 'bind', { sections })).toMatchObject({ paths: [], peer: inet });
    expect(told('effect', 'unlink', {})).not.toHaveProperty('peer');
    const unspecified = [none, none, none, none, Buffer.concat([Buffer.alloc(2), peer.subarray(2)])];
    expect(told('send', 'sendmsg', { sections: unspecified })).toHaveProperty('peer', inet);
    expect(told('connect', 'connect', { sections: unspecified })).toHaveProperty('peer', {
      family: 'other',
      number: 0,
    });
  });

  test('of an effect tells its paths in the order of the call, and the file of a descriptor', () => {
    const renamed = told('effect', 'renameat', {
      flags: GIVEN | GIVEN_2 | ABSOLUTE | ABSOLUTE_2,
      sections: [text('a'), way('/x'), text('b'), way('/y')],
    });
    expect(renamed).toMatchObject({
      paths: [
        { given: 'a', absolute: '/x/a' },
        { given: 'b', absolute: '/y/b' },
      ],
    });
    const changed = told('effect', 'fchmod', { flags: DESCRIPTOR | ABSOLUTE, sections: [text(''), way('/x/f')] });
    expect(changed).toMatchObject({ paths: [{ given: '', absolute: '/x/f' }] });
    expect(told('effect', 'fchmod', { flags: DESCRIPTOR })).toHaveProperty('paths', [{ given: '' }]);
  });

  test('tells forks with the new process, and exits with their code or signal', () => {
    expect(told('process', 'fork', { arguments: [21n, 22n], result: 22 })).toMatchObject({ child: 21, result: 22 });
    expect(told('process', 'exit', { arguments: [0x700n] })).toMatchObject({ call: 'exit', result: 7 });
    // Of a task alone, and of its process.
    expect(told('process', 'exit', { arguments: [0x700n, 0n] })).not.toHaveProperty('isOfProcess');
    expect(told('process', 'exit', { arguments: [0x700n, 1n] })).toMatchObject({ result: 7, isOfProcess: true });
    // With a core dump.
    expect(told('process', 'exit', { arguments: [0x8bn] })).toMatchObject({ result: -11 });
  });

  test.each([
    ['ptrace', [16n], 'PTRACE_ATTACH'],
    ['ptrace', [3n], 'request 3'],
    ['unshare', [0x10000000n], 'flags 0x10000000'],
    ['setns', [3n, 0x40000000n], 'type 0x40000000'],
    ['bpf', [5n], 'command 5'],
    ['socket', [17n, 0x80003n], 'family 17, type 3'],
    ['undecoded', [0x40000002n], 'call 1073741826 of a table that is not known'],
    ['io_uring_setup', [], undefined],
  ])('of %s says what was asked', (name, values, detail) => {
    const call = told('blind-spot', name, { arguments: values });
    expect(call).toMatchObject({ kind: 'blind-spot', call: name });
    expect('detail' in call ? call.detail : undefined).toBe(detail);
  });

  test('escapes bytes that are no UTF-8', () => {
    const sections = [Buffer.from([0x61, 0xff, 0x5c]), way('/\u00e4')];
    const call = told('exec', 'execve', { flags: GIVEN | ABSOLUTE, sections });
    expect(call).toMatchObject({ path: { given: 'a\\xff\\\\', absolute: '/\u00e4/a\\xff\\\\' } });
  });
});
