import { SocketAddress } from 'node:net';
import type { ObservedCall, ObservedPath, Peer } from '../../../../src/run/observe/observed-call.ts';
import type { Workload } from './workload.ts';

/** A call in one line of text, such that the same call has the same text whoever saw it. */
export type Fact = string;

const O_CREAT = 0o100;
const O_TMPFILE = 0o20000000;

/** What of a longer path is compared: how much of it is read is up to the observer. */
const CUT_AT = 4000;

/** The error by its number, or that there was none: numbers of descriptors may differ. */
export function resultFact(result: number | undefined): string {
  if (result === undefined) return 'never returned';
  return result < 0 ? `error ${-result}` : 'fine';
}

/** @param path its bytes, as Latin-1; undefined when it could not be read. */
export function openFact(
  call: string,
  open: {
    readonly path: string | undefined;
    readonly isCut: boolean;
    readonly flags: number;
    readonly mode: number | undefined;
    readonly resolve: number;
    readonly result: number | undefined;
  },
): Fact {
  const makes = (open.flags & (O_CREAT | O_TMPFILE)) !== 0;
  const mode = makes ? ` mode ${(open.mode ?? 0).toString(8)}` : '';
  const resolve = open.resolve === 0 ? '' : ` resolve ${open.resolve}`;
  const flags = open.flags.toString(16);
  return `${call} ${pathFact(open.path, open.isCut)} flags ${flags}${mode}${resolve}: ${resultFact(open.result)}`;
}

export function pathFact(path: string | undefined, isCut: boolean): string {
  if (path === undefined) return '(not read)';
  return isCut ? `${JSON.stringify(path.slice(0, CUT_AT))} and more` : JSON.stringify(path);
}

/** @param peer undefined when the call names none, or none that can be read. */
export function peerFact(peer: Peer | undefined): string {
  if (peer === undefined) return 'nobody';
  if (peer.family === 'unix') return `unix ${JSON.stringify(bytesOf(peer.path))}`;
  if (peer.family === 'other') return `family ${peer.number}`;
  const family = peer.family === 'inet' ? 'ipv4' : 'ipv6';
  return `${family} ${new SocketAddress({ address: peer.address, family }).address} port ${peer.port}`;
}

/** What a fact of a 32-bit call begins with. */
export const COMPAT = '32-bit ';

/** What is compared of a call; undefined for calls that are not compared. */
export function factOf(call: ObservedCall): Fact | undefined {
  // The kernel makes it again, and that one is told, too: how often depends on the moment of a signal.
  if (call.result !== undefined && call.result <= -512 && call.result >= -516) return undefined;
  const fact = nativeFact(call);
  return fact === undefined || call.abi === 'native' ? fact : `${COMPAT}${fact}`;
}

function nativeFact(call: ObservedCall): Fact | undefined {
  switch (call.kind) {
    case 'open': {
      const { flags, mode, resolve = 0, result } = call;
      const isCut = call.path.cut === true;
      return openFact(call.call, { path: givenOf(call.path), isCut, flags, mode, resolve, result });
    }
    case 'exec':
      return `${call.call} ${pathFact(givenOf(call.path), call.path.cut === true)}: ${resultFact(call.result)}`;
    case 'connect':
    case 'send':
      return `${call.call} to ${peerFact(call.peer)}: ${resultFact(call.result)}`;
    default:
      return undefined;
  }
}

function givenOf({ given }: ObservedPath): string | undefined {
  return given === undefined ? undefined : bytesOf(given);
}

/** The bytes of a path that an observer gave as text, as Latin-1: the inverse of `pathText`, written apart from it. */
function bytesOf(text: string): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return bytes.replaceAll(/\\(?:\\|x([0-9a-f]{2}))/g, (_all, hex: string | undefined) =>
    hex === undefined ? '\\' : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Facts with how often each was seen, after what differs by nature was replaced or left out. */
export function countFacts(
  facts: Iterable<Fact>,
  { differs = [], varies = [] }: Pick<Workload, 'differs' | 'varies'>,
): Map<Fact, number> {
  const counts = new Map<Fact, number>();
  for (const fact of facts) {
    if (varies.some((pattern) => pattern.test(fact))) continue;
    const same = differs.reduce((text, [pattern, replacement]) => text.replaceAll(pattern, replacement), fact);
    counts.set(same, (counts.get(same) ?? 0) + 1);
  }
  return counts;
}

/** Facts that the first has more often than the second, with by how much. */
export function moreIn(first: ReadonlyMap<Fact, number>, second: ReadonlyMap<Fact, number>): readonly string[] {
  return [...first]
    .map(([fact, count]) => [count - (second.get(fact) ?? 0), fact] as const)
    .filter(([more]) => more > 0)
    .map(([more, fact]) => `${more} × ${fact}`);
}
