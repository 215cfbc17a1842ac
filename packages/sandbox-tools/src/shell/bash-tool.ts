import type { Native } from '../native.ts';
import { describeEnd, describeFinish, describeInterruption, type ToolAnswer } from './bash-answer.ts';
import type { findShells } from './shell-choice.ts';
import type { Marker } from './shell-protocol.ts';
import { ShellSession, type Outcome } from './shell-session.ts';

/** What the `bash` tool needs of the place where it runs. */
export interface BashSettings {
  /** The environment of commands. */
  readonly env: Readonly<Record<string, string>>;
  /** The directory in which a first session starts. */
  readonly cwd: string;
  readonly native: Native;
  /** Name of the variable by which the supervisor knows this tool's processes, and the value for this server. */
  readonly family: { readonly name: string; readonly value: string };
  /** The redirection that gives commands an empty standard input. */
  readonly stdin: string;
  readonly random: () => string;
  /** The shells of the sandbox, best first; looked up anew for each session. */
  readonly findShells: typeof findShells;
}

/** One call of the `bash` tool. */
export interface BashCall {
  readonly command?: string | undefined;
  readonly restart?: boolean | undefined;
  readonly timeout_seconds?: number | undefined;
}

/** Bytes of output that a call keeps. */
export const outputLimit = 65_536;
/** Seconds that a command may take when the caller does not say. */
export const defaultTimeout = 120;
const longestCommand = 1 << 20;

/** The `bash` tool: calls are served one after the other, in one shell session; `restart` does not wait. */
export class BashTool {
  readonly #settings: BashSettings;
  #session: ShellSession | undefined;
  #cwd: string;
  #note = '';
  #running = false;
  /** The calls that run or wait: a restart ends them all. */
  readonly #calls = new Set<AbortController>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(settings: BashSettings) {
    this.#settings = settings;
    this.#cwd = settings.cwd;
  }

  /** The pid of the session's shell, while there is one. */
  get shellPid(): number | undefined {
    return this.#session?.pid;
  }

  /** `NAME=value` with which a variable of every process that this tool started begins. */
  get variable(): string {
    return `${this.#settings.family.name}=${this.#settings.family.value}`;
  }

  /** Serves a call; never throws for anything that a command does. */
  call(call: BashCall, signal: AbortSignal): Promise<ToolAnswer> {
    const problem = problemOf(call);
    if (problem !== undefined) return Promise.resolve({ text: problem, isError: true });
    if (call.restart === true) for (const waiting of this.#calls) waiting.abort('restart');
    // Not AbortSignal.any: under load Node 24 sometimes did not pass the abort of a source on.
    const stop = new AbortController();
    const cancel = () => stop.abort();
    signal.addEventListener('abort', cancel, { once: true });
    this.#calls.add(stop);
    const served = this.#queue
      .then(() => this.#serve(call, stop.signal))
      .finally(() => {
        this.#calls.delete(stop);
        signal.removeEventListener('abort', cancel);
      });
    this.#queue = served.catch(() => undefined);
    return served;
  }

  async #serve(call: BashCall, stop: AbortSignal): Promise<ToolAnswer> {
    if (stop.aborted) return neverBegun;
    const notes: string[] = [];
    if (call.restart === true) notes.push(await this.#restart());
    if (call.command === undefined) return { text: notes.join('\n'), isError: false };
    const session = this.#session ?? this.#start();
    if (session === undefined) return noShell;
    if (this.#note !== '') notes.push(this.#note);
    this.#note = '';
    const seconds = call.timeout_seconds ?? defaultTimeout;
    this.#running = true;
    const outcome = await session.run(call.command, seconds * 1000, stop);
    this.#running = false;
    const answer = this.#answer(outcome, seconds);
    return { ...answer, text: [...notes, answer.text].join('\n') };
  }

  #answer(outcome: Outcome, seconds: number): ToolAnswer {
    if (outcome.kind === 'finished') return describeFinish(outcome);
    this.#session = undefined;
    if (outcome.kind === 'ended') {
      this.#cwd = this.#settings.cwd;
      return describeEnd(outcome);
    }
    const kept = outcome.why === 'restart' ? undefined : outcome.cwd;
    this.#cwd = kept ?? this.#settings.cwd;
    return describeInterruption(outcome, seconds, kept);
  }

  async #restart(): Promise<string> {
    const survivors = (await this.#session?.end()) ?? [];
    this.#session = undefined;
    this.#cwd = this.#settings.cwd;
    this.#note = '';
    const left = survivors.length === 0 ? '' : `; could not end: pid ${survivors.join(', ')}`;
    return `[the session was restarted: its processes were ended, variables and working directory are new${left}]`;
  }

  #start(): ShellSession | undefined {
    const { env, family, random } = this.#settings;
    const [shell] = this.#settings.findShells(env['PATH'], this.#cwd);
    if (shell === undefined) return undefined;
    const value = `${family.value}.${random()}`;
    const session = new ShellSession({
      ...this.#settings,
      shell,
      cwd: this.#cwd,
      env: { ...env, [family.name]: value },
      variable: `${family.name}=${value}`,
      outputLimit,
      newMarker: (): Marker => [`end-${random()}`, `${random()}:`],
    });
    this.#session = session;
    void session.ended.then(() => {
      if (this.#running || this.#session !== session) return;
      this.#session = undefined;
      this.#cwd = this.#settings.cwd;
      this.#note = '[the shell was ended from outside since the last call; this is a new session]';
    });
    return session;
  }
}

const noShell: ToolAnswer = {
  text:
    'This sandbox has no shell: neither bash nor sh nor busybox is in its PATH or in the usual places. ' +
    'Commands cannot be run here; files can be viewed and edited with text_editor.',
  isError: true,
};

const neverBegun: ToolAnswer = {
  text: '[the command was not started: it was cancelled, or the session was restarted, while it waited]',
  isError: true,
};

function problemOf(call: BashCall): string | undefined {
  const { command } = call;
  if (command === undefined) return call.restart === true ? undefined : 'Give a command, or restart: true.';
  if (command.includes('\0')) return 'The command contains a NUL character, which no shell can take. Remove it.';
  if (command.length > longestCommand)
    return `The command is longer than ${longestCommand} characters. Write a script with text_editor and run that.`;
  return undefined;
}
