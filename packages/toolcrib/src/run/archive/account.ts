import type {
  ArchiveAccount,
  Capped,
  EffectAccount,
  EndpointAccount,
  PathUse,
  ProcessAccount,
  ToolCallAccount,
} from '../../core/archive-account.ts';
import type { KernelEvent } from '../layers/kernel-event.ts';
import type { PolicyEvent } from '../layers/policy-event.ts';
import type { SdkEvent } from '../layers/sdk-event.ts';
import type { ArchiveVisitor, ReadEffect } from './content.ts';
import { groupPaths } from './path-groups.ts';
import { createStretches } from './stretches.ts';

/** How much an account shows. */
export interface AccountLimits {
  /** Groups of paths, for each use. */
  readonly groups: number;
  /** Everything else, each. */
  readonly items: number;
}

/** As much as fits a terminal and is enough for a page. */
export const ACCOUNT_LIMITS: AccountLimits = { groups: 12, items: 2000 };

/** Different things of one sort that are told apart; further ones are counted as not told. */
const MOST_KEPT = 1_000_000;
const EXAMPLES = 5;
/** Names of calls are short; a hostile archive may say otherwise. */
const MOST_CALLS = 10_000;
const LONGEST_CALL = 100;
const LONGEST_EXAMPLE = 8192;

/** Gathers an account while an archive is read. */
export interface AccountCollector {
  readonly visitor: ArchiveVisitor;
  /** After the last line. */
  account(): ArchiveAccount;
}

export function createAccountCollector({ groups, items }: AccountLimits = ACCOUNT_LIMITS): AccountCollector {
  const files = new Tally<string, FileNote>(() => ({ opens: 0, failed: 0, written: false, blocked: false }));
  const endpoints = new Tally<string, EndpointNote>(() => ({ kinds: new Set(), calls: 0, failed: 0 }));
  const programs = new Tally<string, { times: number }>(() => ({ times: 0 }));
  const processes = new Tally<number, ProcessNote>(() => ({ program: null, opens: 0, network: 0, execs: 0 }));
  const toolCalls = new Tally<string, ToolCallNote>(() => ({ tool: '', decision: null, reported: [] }));
  const effects = new Tally<string, EffectNote>(newEffect, MOST_CALLS);
  const blindSpots = new Tally<string, EffectNote>(newEffect, MOST_CALLS);
  const stretches = createStretches();
  let unnamedPrograms = 0;

  const kernel = (event: KernelEvent): void => {
    const { kind, value, pid, failed } = event;
    const process = processes.of(pid);
    const sort = SORTS.get(kind) ?? 'others';
    stretches.add(sort);
    if (value === null) {
      if (sort !== 'programs') return;
      unnamedPrograms += 1;
      noteProgram(undefined, null, process);
    } else if (sort === 'files') noteFile(files.of(value), event, process);
    else if (sort === 'network') noteEndpoint(endpoints.of(value), kind, failed, process);
    else if (sort === 'programs') noteProgram(programs.of(value), value, process);
  };

  return {
    visitor: {
      kernel,
      policy: ({ tool_call_id, tool, decision }: PolicyEvent) => {
        const call = toolCalls.of(tool_call_id);
        if (call !== undefined) Object.assign(call, { tool, decision });
      },
      sdk: (event: SdkEvent) => {
        const call = event.tool_call_id === null ? undefined : toolCalls.of(event.tool_call_id);
        if (call === undefined) return;
        if (call.tool === '') call.tool = event.tool ?? '';
        if (call.reported.length < EXAMPLES) call.reported.push(event.event_type);
      },
      effect: (event: ReadEffect) => {
        noteEffect((event.kind === 'blind_spot' ? blindSpots : effects).of(nameOf(event)), event);
      },
    },
    account: () => ({
      paths: groupsByUse(files, groups),
      files: sortedByUse(files, items),
      endpoints: endpoints.capped(items, (endpoint, note): EndpointAccount => {
        return { endpoint, kinds: [...note.kinds].sort(), calls: note.calls, failed: note.failed };
      }),
      programs: programs.capped(items, (path, { times }) => ({ path, times })),
      unnamedPrograms,
      processes: processes.capped(items, (pid, note): ProcessAccount => ({ pid, ...note })),
      toolCalls: toolCalls.capped(items, (id, note): ToolCallAccount => ({ id, ...note })),
      effects: effects.capped(items, effectAccount),
      blindSpots: blindSpots.capped(items, effectAccount),
      stretches: stretches.list(),
    }),
  };
}

type Sort = 'files' | 'network' | 'programs' | 'others';

const SORTS: ReadonlyMap<string, Sort> = new Map([
  ['openat', 'files'],
  ['file_blocked', 'files'],
  ['connect', 'network'],
  ['connect_blocked', 'network'],
  ['sendto', 'network'],
  ['sendmsg', 'network'],
  ['exec', 'programs'],
]);

interface FileNote {
  opens: number;
  failed: number;
  written: boolean;
  blocked: boolean;
}

interface EndpointNote {
  readonly kinds: Set<string>;
  calls: number;
  failed: number;
}

interface ProcessNote {
  program: string | null;
  opens: number;
  network: number;
  execs: number;
}

interface ToolCallNote {
  tool: string;
  decision: string | null;
  readonly reported: string[];
}

interface EffectNote {
  times: number;
  failed: number;
  readonly examples: Set<string>;
}

function newEffect(): EffectNote {
  return { times: 0, failed: 0, examples: new Set() };
}

function noteFile(note: FileNote | undefined, event: KernelEvent, process: ProcessNote | undefined): void {
  if (process !== undefined) process.opens += 1;
  if (note === undefined) return;
  note.opens += 1;
  if (event.kind === 'file_blocked') note.blocked = true;
  else if (event.failed) note.failed += 1;
  else if (event.access === 'write' || event.access === 'read_write') note.written = true;
}

function noteEndpoint(
  note: EndpointNote | undefined,
  kind: string,
  failed: boolean,
  process: ProcessNote | undefined,
): void {
  if (process !== undefined) process.network += 1;
  if (note === undefined) return;
  note.calls += 1;
  note.kinds.add(kind);
  if (failed) note.failed += 1;
}

function noteProgram(note: { times: number } | undefined, path: string | null, process: ProcessNote | undefined): void {
  if (process !== undefined) {
    process.execs += 1;
    process.program = path;
  }
  if (note !== undefined) note.times += 1;
}

function nameOf({ kind, call }: ReadEffect): string {
  const name = call.slice(0, LONGEST_CALL);
  return kind === 'exec' ? `${name} that started nothing` : name;
}

function noteEffect(note: EffectNote | undefined, event: ReadEffect): void {
  if (note === undefined) return;
  note.times += 1;
  if (event.status === 'error') note.failed += 1;
  if (note.examples.size === EXAMPLES) return;
  const about = aboutOf(event).slice(0, LONGEST_EXAMPLE);
  if (about !== '') note.examples.add(about);
}

function aboutOf({ paths, peer, detail }: ReadEffect): string {
  const things = [...(paths ?? []).map(pathOf), peer === undefined ? '' : peerOf(peer), detail ?? ''];
  return things.filter((thing) => thing !== '').join(' -> ');
}

function pathOf({ absolute, given }: NonNullable<ReadEffect['paths']>[number]): string {
  return absolute ?? given ?? '?';
}

function peerOf(peer: NonNullable<ReadEffect['peer']>): string {
  if (peer.family === 'unix') return `unix:${peer.path}`;
  return peer.family === 'other' ? `family ${peer.number}` : peer.endpoint;
}

function effectAccount(call: string, { times, failed, examples }: EffectNote): EffectAccount {
  return { call, times, failed, examples: [...examples] };
}

function useOf(note: FileNote): PathUse {
  if (note.written) return 'written';
  if (note.blocked) return 'blocked';
  return note.failed === note.opens ? 'failed' : 'opened';
}

type Files = Tally<string, FileNote>;

function groupsByUse(files: Files, most: number): ArchiveAccount['paths'] {
  const groupsOf = (use: PathUse) => {
    const paths = files.entries().filter(([, note]) => useOf(note) === use);
    const list = paths.map(([path, { opens }]) => ({ path, opens }));
    return { total: list.length, groups: groupPaths(list, most) };
  };
  return {
    written: groupsOf('written'),
    opened: groupsOf('opened'),
    failed: groupsOf('failed'),
    blocked: groupsOf('blocked'),
  };
}

/** Where not all can be shown, what is rare and telling comes first. */
const BY_INTEREST: readonly PathUse[] = ['written', 'blocked', 'failed', 'opened'];

function sortedByUse(files: Files, most: number): ArchiveAccount['files'] {
  const all = files
    .entries()
    .map(([path, note]) => ({ path, use: useOf(note), opens: note.opens, failed: note.failed }));
  const shown = BY_INTEREST.flatMap((use) => all.filter((file) => file.use === use)).slice(0, most);
  return { total: files.total, isLeast: files.isLeast, shown };
}

/** Notes by key, as many as there is room for. */
class Tally<Key, Note> {
  readonly #notes = new Map<Key, Note>();
  readonly #create: () => Note;
  readonly #most: number;
  isLeast = false;

  constructor(create: () => Note, most = MOST_KEPT) {
    this.#create = create;
    this.#most = most;
  }

  /** Undefined where there is no room for another one. */
  of(key: Key): Note | undefined {
    const known = this.#notes.get(key);
    if (known !== undefined) return known;
    if (this.#notes.size === this.#most) {
      this.isLeast = true;
      return undefined;
    }
    const note = this.#create();
    this.#notes.set(key, note);
    return note;
  }

  get total(): number {
    return this.#notes.size;
  }

  entries(): readonly (readonly [Key, Note])[] {
    return [...this.#notes];
  }

  capped<Item>(most: number, itemOf: (key: Key, note: Note) => Item): Capped<Item> {
    const shown = [...this.#notes].slice(0, most).map(([key, note]) => itemOf(key, note));
    return { total: this.total, isLeast: this.isLeast, shown };
  }
}
