import type { HookAccount, ObservedCall } from '../observed-call.ts';
import { createTaskTable } from './tasks.ts';
import { endCall, joinCall, parseTraceLine, type TracedCall, type TraceLine } from './trace-line.ts';
import { callsFrom, FORKING_CALLS, hidesCalls, isUnreadable, makesThread } from './traced-call.ts';

/** Reads what strace writes, as it comes. */
export interface TraceReader {
  /** @param chunk any part of the output. @returns what it told. Never throws. */
  read(chunk: string): readonly ObservedCall[];
  /** The output has ended. @returns calls that never returned. */
  end(): readonly ObservedCall[];
  /** Processes that are not known to be gone. */
  alive(): ReadonlySet<number>;
  accounts(): readonly HookAccount[];
}

/** What strace wrote and this reader did not understand is lost under this name. */
export const UNDECODED_HOOK = 'undecoded';

/** Longer lines are not understood: a path has up to 4 × 4,096 characters, a `sendmmsg` up to 1,024 addresses. */
const MAX_LINE = 4 * 1024 * 1024;

/** The highest errno; more is a number of another call. */
const MAX_ERRNO = 4095;

interface Unfinished {
  readonly name: string;
  readonly text: string;
}

/** The state of {@link createTraceReader}. */
class Reader implements TraceReader {
  readonly #tasks = createTaskTable();
  readonly #unfinished = new Map<number, Unfinished>();
  /** By the id that the task goes on under. */
  readonly #moved = new Map<number, Unfinished>();
  readonly #abis = new Map<number, 'native' | 'compat'>();
  /** strace takes a new task for one of the kind that it saw last, and says only when that is wrong. */
  #lastAbi: 'native' | 'compat' = 'native';
  /** Lines of tasks whose process is not known yet. */
  readonly #waiting = new Map<number, TraceLine[]>();
  readonly #counts = new Map<string, { emitted: number; dropped: number; unreadable: number; missed: number }>();
  #rest = '';
  #isTooLong = false;
  #out: ObservedCall[] = [];

  alive(): ReadonlySet<number> {
    return this.#tasks.alive();
  }

  read(chunk: string): readonly ObservedCall[] {
    const lines = `${this.#rest}${chunk}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#takeLine(line);
    if (this.#rest.length > MAX_LINE) {
      this.#isTooLong = true;
      this.#rest = '';
    }
    return this.#taken();
  }

  end(): readonly ObservedCall[] {
    if (this.#rest !== '' || this.#isTooLong) this.#takeLine(this.#rest);
    this.#rest = '';
    for (const tid of [...this.#waiting.keys()]) {
      this.#tasks.settle(tid);
      this.#release(tid);
    }
    for (const tid of [...this.#unfinished.keys()]) this.#killIn(tid);
    return this.#taken();
  }

  accounts(): readonly HookAccount[] {
    const names = [...this.#counts.keys()].sort();
    return names.map((hook) => ({
      hook,
      emitted: 0,
      dropped: 0,
      unreadable: 0,
      missed: 0,
      ...this.#counts.get(hook),
    }));
  }

  #taken(): readonly ObservedCall[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #takeLine(text: string): void {
    const isTooLong = this.#isTooLong;
    this.#isTooLong = false;
    const line = isTooLong ? undefined : parseTraceLine(text);
    if (line === undefined) this.#count(UNDECODED_HOOK).dropped++;
    else if (line.kind !== 'other') this.#take(line);
  }

  #take(line: Exclude<TraceLine, { kind: 'other' }>): void {
    this.#abiOf(line.tid);
    const waiting = this.#waiting.get(line.tid);
    if (waiting !== undefined) waiting.push(line);
    else if (this.#tasks.processOf(line.tid) === undefined) this.#waiting.set(line.tid, [line]);
    else this.#act(line);
    this.#releaseKnown();
  }

  #releaseKnown(): void {
    for (const tid of [...this.#waiting.keys()]) if (this.#tasks.processOf(tid) !== undefined) this.#release(tid);
  }

  #release(tid: number): void {
    const lines = this.#waiting.get(tid) ?? [];
    this.#waiting.delete(tid);
    for (const line of lines) this.#act(line);
  }

  #act(line: TraceLine): void {
    if (line.kind === 'other') return;
    if (line.kind === 'abi') this.#abis.set(line.tid, line.abi);
    else if (line.kind === 'call') this.#finish(line.tid, line.call);
    else if (line.kind === 'unfinished') this.#begin(line.tid, line);
    else if (line.kind === 'moved') this.#moved.set(line.to, line);
    else if (line.kind === 'resumed') this.#resume(line.tid, line);
    else if (line.kind === 'exit') this.#exit(line.tid, line.status);
    else this.#supersede(line.tid, line.by);
    this.#lastAbi = this.#abiOf(line.tid);
  }

  #begin(tid: number, part: Unfinished): void {
    // A second one without the end of the first: the first never returned.
    this.#killIn(tid);
    this.#unfinished.set(tid, part);
    if (FORKING_CALLS.includes(part.name)) this.#tasks.beginFork(tid, makesThread(part.name, part.text));
  }

  #resume(tid: number, part: Unfinished): void {
    const first = this.#unfinished.get(tid);
    this.#unfinished.delete(tid);
    const call = first?.name === part.name ? joinCall(first.text, part.text) : undefined;
    if (call !== undefined) {
      this.#finish(tid, call);
      return;
    }
    this.#count(UNDECODED_HOOK).dropped++;
    if (FORKING_CALLS.includes(part.name)) this.#tasks.endFork(tid, undefined, false);
  }

  #finish(tid: number, call: TracedCall): void {
    if (FORKING_CALLS.includes(call.name)) {
      this.#forked(tid, call);
      return;
    }
    const isLost = call.result !== undefined && call.result < -MAX_ERRNO;
    // Under a seccomp filter strace 6.1 misses that the execve of a thread returned, and takes the entry of the next call
    // for it: that call is lost.
    if (isLost) this.#count(UNDECODED_HOOK).dropped++;
    this.#tell(tid, isLost ? { ...call, result: 0 } : call);
  }

  #tell(tid: number, call: TracedCall): void {
    const task = { abi: this.#abiOf(tid), pid: this.#tasks.settle(tid), tid };
    for (const told of callsFrom(task, call)) this.#emit(call.name, told);
  }

  #emit(hook: string, call: ObservedCall): void {
    const count = this.#count(hook);
    count.emitted++;
    if (isUnreadable(call)) count.unreadable++;
    // How many, nobody knows.
    if (hidesCalls(call)) count.missed++;
    this.#out.push(call);
  }

  #forked(tid: number, call: TracedCall): void {
    const isThread = makesThread(call.name, flagsText(call));
    const child = call.result !== undefined && call.result > 0 ? call.result : undefined;
    this.#tasks.endFork(tid, child, isThread);
    if (child === undefined) return;
    const pid = this.#tasks.settle(tid);
    const base = { abi: this.#abiOf(tid), pid, tid, result: child, child: isThread ? pid : child };
    this.#emit('fork', { ...base, kind: 'process', call: 'fork' });
  }

  #exit(tid: number, status: number): void {
    this.#killIn(tid);
    const base = { abi: this.#abiOf(tid), pid: this.#tasks.settle(tid), tid, result: status };
    this.#emit('exit', { ...base, kind: 'process', call: 'exit' });
    this.#forget(tid);
  }

  #forget(tid: number): void {
    this.#tasks.end(tid);
    this.#abis.delete(tid);
  }

  /** The thread `by` is now the task `tid`, with the program that it started. */
  #supersede(tid: number, by: number): void {
    const abi = this.#abiOf(by);
    this.#exit(tid, 0);
    this.#forget(by);
    this.#tasks.settle(tid);
    this.#abis.set(tid, abi);
    const moved = this.#moved.get(tid);
    this.#moved.delete(tid);
    if (moved !== undefined) this.#unfinished.set(tid, moved);
  }

  /** The task was killed in the call. */
  #killIn(tid: number): void {
    const first = this.#unfinished.get(tid);
    if (first === undefined) return;
    this.#unfinished.delete(tid);
    const call = endCall(first.text);
    if (call === undefined) this.#count(UNDECODED_HOOK).dropped++;
    else this.#finish(tid, call);
  }

  #abiOf(tid: number): 'native' | 'compat' {
    const known = this.#abis.get(tid) ?? this.#lastAbi;
    this.#abis.set(tid, known);
    return known;
  }

  #count(hook: string): { emitted: number; dropped: number; unreadable: number; missed: number } {
    const count = this.#counts.get(hook) ?? { emitted: 0, dropped: 0, unreadable: 0, missed: 0 };
    this.#counts.set(hook, count);
    return count;
  }
}

/** The flags of `clone` and `clone3`, as strace wrote them. */
function flagsText({ args }: TracedCall): string {
  const structure = args.flatMap(({ value }) => (value.kind === 'group' ? value.items : []));
  const flags = [...args, ...structure].find(({ name }) => name === 'flags')?.value;
  return flags?.kind === 'word' ? `flags=${flags.text}` : '';
}

export function createTraceReader(): TraceReader {
  return new Reader();
}
