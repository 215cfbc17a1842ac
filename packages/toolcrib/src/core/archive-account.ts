/** What a run archive tells in detail, as much of it as a person reads. Nothing of it counts where the archive is refused. */
export interface ArchiveAccount {
  /** Groups of paths, by what became of them; the most in all groups together is capped, never what is counted. */
  readonly paths: Readonly<Record<PathUse, PathGroups>>;
  /** Single paths: written ones, blocked, failed, then the others; among themselves as they were first seen. */
  readonly files: Capped<FileAccount>;
  readonly endpoints: Capped<EndpointAccount>;
  /** Programs that were started, as they were first seen. */
  readonly programs: Capped<ProgramAccount>;
  /** Starts of programs of which the layer tells no path. */
  readonly unnamedPrograms: number;
  /** As they were first seen. */
  readonly processes: Capped<ProcessAccount>;
  /** Calls of tools that a policy decided about or an SDK reported, as they were first told. */
  readonly toolCalls: Capped<ToolCallAccount>;
  /** What changed something without opening it, and execs that failed. */
  readonly effects: Capped<EffectAccount>;
  /** Calls by which things can happen that are not seen. */
  readonly blindSpots: Capped<EffectAccount>;
  /** The kernel layer in its order, in stretches of one length. */
  readonly stretches: readonly Stretch[];
}

/** The first of many. */
export interface Capped<Item> {
  /** How many there are; at least so many where {@link Capped.isLeast} says so. */
  readonly total: number;
  readonly isLeast: boolean;
  readonly shown: readonly Item[];
}

/** `written`: opened for writing at least once; `opened`: otherwise; `failed`: never opened; `blocked`: by a gate. */
export const PATH_USES = ['written', 'opened', 'failed', 'blocked'] as const;

export type PathUse = (typeof PATH_USES)[number];

export interface PathGroups {
  /** Different paths. */
  readonly total: number;
  /** Sorted; every path is in exactly one of them. */
  readonly groups: readonly PathGroup[];
}

/** A path, or all paths below one. */
export interface PathGroup {
  readonly path: string;
  /** How many paths it stands for; 1 is the path itself. */
  readonly paths: number;
  /** Calls, failed ones too. */
  readonly opens: number;
}

export interface FileAccount {
  readonly path: string;
  readonly use: PathUse;
  readonly opens: number;
  readonly failed: number;
}

export interface EndpointAccount {
  readonly endpoint: string;
  /** Kinds of the events that name it. */
  readonly kinds: readonly string[];
  readonly calls: number;
  readonly failed: number;
}

export interface ProgramAccount {
  readonly path: string;
  readonly times: number;
}

export interface ProcessAccount {
  readonly pid: number;
  /** The last program that it became; null where the layer tells none. */
  readonly program: string | null;
  readonly opens: number;
  readonly network: number;
  readonly execs: number;
}

export interface ToolCallAccount {
  readonly id: string;
  readonly tool: string;
  /** Of the policy layer; null where it says nothing. */
  readonly decision: string | null;
  /** What the SDK reported, in its order. */
  readonly reported: readonly string[];
}

export interface EffectAccount {
  /** The system call. */
  readonly call: string;
  readonly times: number;
  readonly failed: number;
  /** The first few different things that it was about. */
  readonly examples: readonly string[];
}

/** A stretch of the kernel layer. */
export interface Stretch {
  /** Number of its first event. */
  readonly from: number;
  readonly files: number;
  readonly network: number;
  readonly programs: number;
  readonly others: number;
}
