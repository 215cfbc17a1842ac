import fc from 'fast-check';
import type {
  BlindSpotCall,
  ConnectCall,
  EffectCall,
  ExecCall,
  ObservedCall,
  ObservedPath,
  OpenCall,
  Peer,
  ProcessEvent,
  SendCall,
} from '../../../src/run/observe/observed-call.ts';

const BASE = { abi: 'native', pid: 41, tid: 41 } as const;

/** Calls as observers tell them; what a test does not name is ordinary. */
export function opened(given: string | undefined, change: Partial<OpenCall> & Partial<ObservedPath> = {}): OpenCall {
  const { absolute, cut, ...rest } = change;
  const path = { given, ...(absolute !== undefined && { absolute }), ...(cut && { cut }) };
  return { ...BASE, kind: 'open', call: 'openat', path, flags: 0o2000000, mode: 0, result: 3, ...rest };
}

export function connected(peer: Peer | undefined, result = 0): ConnectCall {
  return { ...BASE, kind: 'connect', call: 'connect', peer, result };
}

export function sent(call: 'sendto' | 'sendmsg' | 'sendmmsg', peer: Peer | undefined, unreadable?: true): SendCall {
  return { ...BASE, kind: 'send', call, peer, result: 1, ...(unreadable && { unreadable }) };
}

export function executed(given: string | undefined, result: number | undefined = 0): ExecCall {
  return { ...BASE, kind: 'exec', call: 'execve', path: { given }, result };
}

export function changed(call: string, paths: readonly ObservedPath[], change: Partial<EffectCall> = {}): EffectCall {
  return { ...BASE, kind: 'effect', call, paths, result: 0, ...change };
}

export function blindSpot(call: string, change: Partial<BlindSpotCall> = {}): BlindSpotCall {
  return { ...BASE, kind: 'blind-spot', call, result: 3, ...change };
}

export function forked(child: number): ProcessEvent {
  return { ...BASE, kind: 'process', call: 'fork', child, result: child };
}

export const HOST: Peer = { family: 'inet', address: '203.0.113.10', port: 443 };
export const HOST6: Peer = { family: 'inet6', address: '::1', port: 53 };

const path = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '/lib/x',
    '/proc/self/maps',
    '/srv/a',
    'a',
    '',
    '/x/node_modules/y',
    '/lib/../etc/shadow',
    '/proc/1/mem',
  ),
);
const observedPath: fc.Arbitrary<ObservedPath> = fc.record(
  { given: fc.option(path, { nil: undefined }), absolute: path, cut: fc.constant(true as const) },
  { requiredKeys: ['given'] },
);
const peer: fc.Arbitrary<Peer> = fc.oneof(
  fc.record({ family: fc.constant('inet' as const), address: fc.ipV4(), port: fc.nat(65535) }),
  fc.record({ family: fc.constant('inet6' as const), address: fc.ipV6(), port: fc.nat(65535) }),
  fc.record({ family: fc.constant('unix' as const), path }),
  fc.record({ family: fc.constant('other' as const), number: fc.nat(50) }),
);
const result = fc.option(fc.integer({ min: -133, max: 100 }), { nil: undefined });
const base = {
  abi: fc.constantFrom('native' as const, 'compat' as const),
  pid: fc.nat(4_194_304),
  tid: fc.nat(4_194_304),
  result,
};
const somePeer = fc.option(peer, { nil: undefined });

/** Anything that an observer may tell. */
export const anyCall: fc.Arbitrary<ObservedCall> = fc.oneof(
  fc.record(
    {
      ...base,
      kind: fc.constant('open' as const),
      call: fc.constantFrom('open', 'openat', 'openat2', 'creat'),
      path: observedPath,
      flags: fc.oneof(fc.nat(0o77777777), fc.integer(), fc.double({ min: 0, max: 2 ** 64, noNaN: true })),
      mode: fc.nat(0o177777),
      resolve: fc.nat(63),
      time: fc.bigInt(0n, 2n ** 50n),
      cgroupId: fc.nat(),
    },
    { requiredKeys: ['abi', 'pid', 'tid', 'result', 'kind', 'call', 'path', 'flags'] },
  ),
  fc.record({ ...base, kind: fc.constant('connect' as const), call: fc.constant('connect'), peer: somePeer }),
  fc.record(
    {
      ...base,
      kind: fc.constant('send' as const),
      call: fc.constantFrom('sendto', 'sendmsg', 'sendmmsg'),
      peer: somePeer,
      unreadable: fc.constant(true as const),
    },
    { requiredKeys: ['abi', 'pid', 'tid', 'result', 'kind', 'call', 'peer'] },
  ),
  fc.record({
    ...base,
    kind: fc.constant('exec' as const),
    call: fc.constantFrom('execve', 'execveat'),
    path: observedPath,
  }),
  fc.record(
    {
      ...base,
      kind: fc.constant('effect' as const),
      call: fc.constantFrom('unlinkat', 'renameat2', 'bind', 'accept4'),
      paths: fc.array(observedPath, { maxLength: 2 }),
      peer,
    },
    { requiredKeys: ['abi', 'pid', 'tid', 'result', 'kind', 'call', 'paths'] },
  ),
  fc.record(
    {
      ...base,
      kind: fc.constant('blind-spot' as const),
      call: fc.constantFrom('io_uring_setup', 'ptrace', 'connect', 'compat_999'),
      detail: fc.string({ maxLength: 10 }),
    },
    { requiredKeys: ['abi', 'pid', 'tid', 'result', 'kind', 'call'] },
  ),
  fc.record({
    ...base,
    kind: fc.constant('process' as const),
    call: fc.constantFrom('fork' as const, 'exit' as const),
    child: fc.nat(),
  }),
);
