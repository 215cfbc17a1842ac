import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Peer } from '../../../../src/run/observe/observed-call.ts';
import { COMPAT, openFact, pathFact, peerFact, resultFact, type Fact } from './fact.ts';
import type { PreparedWorkload } from './workload.ts';

const CALLS = 'open,openat,openat2,creat,connect,sendto,sendmsg,sendmmsg,execve,execveat'.split(',');

/**
 * What `strace -f`, without any filter in the kernel, tells of a workload. Read apart from the product: every string is
 * in hexadecimal, so that a few patterns do.
 */
export async function factsOfPlainStrace(workload: PreparedWorkload): Promise<readonly Fact[]> {
  const output = join(workload.cwd, '..', 'strace');
  const trace = CALLS.map((name) => `?${name}`).join(',');
  const options = [
    '-f',
    '--quiet=attach,exit',
    '-xx',
    '-X',
    'raw',
    '-s',
    '0',
    '-e',
    'abbrev=!sendmmsg',
    '-e',
    'signal=none',
  ];
  const args = [...options, '-e', `trace=${trace}`, '-o', output, '--', ...workload.command];
  // The streams as an observed command has them: programs look at what they are.
  const strace = spawn('strace', args, { cwd: workload.cwd, env: workload.env, stdio: ['ignore', 'ignore', 'ignore'] });
  const [code] = (await once(strace, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`under strace ${workload.command.join(' ')} ended with ${code}`);
  return wholeCalls(await readFile(output, 'latin1')).flatMap(factsOfCall);
}

/** A call in one piece. */
interface WholeCall {
  readonly text: string;
  /** Of 32 bits. */
  readonly isCompat: boolean;
}

/** Joins what strace wrote in two parts, and keeps in mind what it says of the kind of a task's calls. */
function wholeCalls(output: string): readonly WholeCall[] {
  const begun = new Map<string, string>();
  const compat = new Set<string>();
  const calls: WholeCall[] = [];
  for (const line of output.split('\n')) {
    const [, pid = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*?) ?<unfinished \.\.\.>$/.exec(text);
    const moved = /^(.*?) ?<pid changed to (\d+) \.\.\.>$/.exec(text);
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    const isCompat = compat.has(pid);
    if (text.includes('runs in 32 bit mode')) compat.add(pid);
    else if (text.includes('runs in 64 bit mode')) compat.delete(pid);
    else if (moved !== null) begun.set(moved[2] ?? '', moved[1] ?? '');
    else if (unfinished !== null) begun.set(pid, unfinished[1] ?? '');
    else if (resumed !== null) calls.push({ text: `${begun.get(pid) ?? ''}${resumed[1] ?? ''}`, isCompat });
    else if (/^\w+\(/.test(text)) calls.push({ text, isCompat });
  }
  return calls;
}

function factsOfCall({ text, isCompat }: WholeCall): readonly Fact[] {
  return factsOfText(text).map((fact) => (isCompat ? `${COMPAT}${fact}` : fact));
}

function factsOfText(text: string): readonly Fact[] {
  const [, call = '', args = '', returned = ''] = /^(\w+)\((.*)\) += (.*)$/.exec(text) ?? [];
  if (call === '') throw new Error(`strace wrote what this test does not understand: ${text.slice(0, 200)}`);
  if (returned.startsWith('? ERESTART')) return [];
  const result = resultOf(returned);
  if (call.startsWith('open') || call === 'creat') return [openOf(call, args, result)];
  if (call.startsWith('exec')) return [`${call} ${pathFact(...firstPath(args))}: ${resultFact(result)}`];
  if (call !== 'sendmmsg') return [`${call} to ${peerFact(peerIn(args))}: ${resultFact(result)}`];
  const messages = args.split('{msg_hdr=').slice(1);
  const sent = result === undefined || result < 0 ? 1 : result;
  return messages.slice(0, sent).map((message) => `${call} to ${peerFact(peerIn(message))}: ${resultFact(result)}`);
}

function resultOf(returned: string): number | undefined {
  const [, error] = /^-1 (E\w+)/.exec(returned) ?? [];
  const number = Object.entries(constants.errno).find(([name]) => name === error)?.[1];
  if (number !== undefined) return -number;
  return returned.startsWith('?') ? undefined : Number.parseInt(returned, 10);
}

const HEX_STRING = /"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/;

function bytesOf(hex: string): string {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString('latin1');
}

function firstPath(args: string): [path: string | undefined, isCut: boolean] {
  // Before the first string comes a descriptor at most; where an address comes instead, it could not be read.
  const found = /^(?:-?\d+, )?"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/.exec(args);
  return found === null ? [undefined, false] : [bytesOf(found[1] ?? ''), found[2] !== undefined];
}

function openOf(call: string, args: string, result: number | undefined): Fact {
  const [path, isCut] = firstPath(args);
  const rest = args.replace(/^(?:-?\d+, )?(?:"[^"]*"(?:\.\.\.)?|0x[0-9a-f]+|NULL)(?:, )?/, '');
  const how = (name: string): string | undefined => new RegExp(`\\b${name}=(\\w+)`).exec(rest)?.[1];
  const inOrder = rest.split(', ');
  const [flags, mode] =
    call === 'openat2' ? [how('flags'), how('mode')] : call === 'creat' ? ['0x241', inOrder[0]] : inOrder;
  const permissions = mode === undefined ? undefined : Number.parseInt(mode, 8);
  const resolve = Number(how('resolve') ?? 0);
  return openFact(call, { path, isCut, flags: Number(flags), mode: permissions, resolve, result });
}

function peerIn(text: string): Peer | undefined {
  const family = /sa_family=(0x[0-9a-f]+|0)/.exec(text)?.[1];
  if (family === undefined) return undefined;
  const bytes = (name: string): string | undefined => {
    const found = new RegExp(`${name}=${HEX_STRING.source}`).exec(text)?.[1];
    return found === undefined ? undefined : bytesOf(found);
  };
  const sun = new RegExp(`sun_path=(@?)${HEX_STRING.source}`).exec(text);
  if (Number(family) === 1) {
    // As the observer gives it; `peerFact` takes text, and names here are ASCII.
    return { family: 'unix', path: `${sun?.[1] ?? ''}${bytesOf(sun?.[2] ?? '')}` };
  }
  const [port, four, six] = [bytes('sin6?_port'), bytes('sin_addr'), bytes('sin6_addr')];
  const address = four ?? six;
  if (port === undefined || address === undefined) return { family: 'other', number: Number(family) };
  const number = port.charCodeAt(0) * 256 + port.charCodeAt(1);
  const numbers = [...Buffer.from(address, 'latin1')];
  if (four !== undefined) return { family: 'inet', address: numbers.join('.'), port: number };
  const groups = Array.from(
    { length: 8 },
    (_, index) => (numbers[index * 2] ?? 0) * 256 + (numbers[index * 2 + 1] ?? 0),
  );
  return { family: 'inet6', address: groups.map((group) => group.toString(16)).join(':'), port: number };
}
