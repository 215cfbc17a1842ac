import { pathText } from '../observed-call.ts';
import { socketText } from '../raw-socket.ts';
import { argumentWord, type CallRecord } from './call-record.ts';
import { givenBytes } from './recorded-path.ts';

/** Requests of ptrace(2), the same on both architectures. */
const PTRACE_REQUESTS: ReadonlyMap<number, string> = new Map([
  [0, 'PTRACE_TRACEME'],
  [16, 'PTRACE_ATTACH'],
  [0x4206, 'PTRACE_SEIZE'],
]);

const TEXT_LIMIT = 256;

/** What the call was asked for, in a few words; undefined where its name says it all. */
export function blindSpotDetail(record: CallRecord): string | undefined {
  const [first, second] = [argumentWord(record, 0), argumentWord(record, 1)];
  switch (record.call.name) {
    case 'ptrace':
      return PTRACE_REQUESTS.get(first) ?? `request ${first}`;
    case 'bpf':
      return `command ${first}`;
    case 'unshare':
      return `flags 0x${first.toString(16)}`;
    case 'setns':
      return `type 0x${second.toString(16)}`;
    case 'socket':
      return socketText(first, second);
    case 'undecoded':
      return `call ${first} of a table that is not known`;
    case 'memfd_create':
    case 'uselib':
    case 'acct':
    case 'swapon':
      return pathText(givenBytes(record, 0)).slice(0, TEXT_LIMIT);
    default:
      return undefined;
  }
}
