import * as z from 'zod/mini';
import { isAttributed, lostRecords, type CaptureRecord } from './capture-record.ts';
import { DESCRIPTOR_SCHEMA, descriptorSchema, type CoverageDescriptor, type Dimension } from './coverage-descriptor.ts';
import { kernelHealth } from './kernel-health.ts';

export const COVERAGE_SCHEMA = 'toolcrib.coverage.v1';

/** `toolcrib/coverage.json`: what was observed of each dimension in this run; what is not described was not observed. */
export const runCoverageSchema = z.strictObject({
  schema: z.literal(COVERAGE_SCHEMA),
  run_id: z.string(),
  descriptors: z.array(descriptorSchema),
});

export type RunCoverage = z.infer<typeof runCoverageSchema>;

/** Classes of effects that our observers know, by dimension. The names stand in `observes`. */
export const CLAIM_CLASSES: Readonly<Record<Dimension, readonly string[]>> = {
  filesystem: ['path opens', 'path effects'],
  network: ['connect-time peer endpoints', 'datagram peer endpoints', 'bind and accept endpoints'],
  process: ['process exec targets'],
};

const OBSERVES = {
  opens: 'path opens, failed ones too',
  pathEffects: 'path effects: unlink, rename, mkdir, link, symlink, chmod, chown, truncate, mount',
  connects: 'connect-time peer endpoints',
  datagrams: 'datagram peer endpoints that a send names',
  local: 'bind and accept endpoints',
  execs: 'process exec targets',
} as const;

const METHODS = {
  ebpf: 'eBPF programs at entry and exit of system calls of tagged tasks',
  ptrace: 'strace with a seccomp filter',
} as const;

/** What the coverage of a run is, computed from how it was captured. */
export function runCoverage(record: CaptureRecord): RunCoverage {
  const descriptors = isAttributed(record) ? [filesystem(record), ...network(record), processes(record)] : [];
  return { schema: COVERAGE_SCHEMA, run_id: record.run_id, descriptors };
}

function descriptor(
  record: CaptureRecord,
  what: Pick<CoverageDescriptor, 'dimension' | 'observes' | 'completeness'>,
): CoverageDescriptor {
  const { dimension, observes, completeness } = what;
  const method = record.tier === 'ebpf' ? METHODS.ebpf : METHODS.ptrace;
  const known_blind_spots = [...blindSpots(record, dimension)];
  return { schema: DESCRIPTOR_SCHEMA, dimension, method, observes, known_blind_spots, completeness };
}

function filesystem(record: CaptureRecord): CoverageDescriptor {
  const observes = [OBSERVES.opens, OBSERVES.pathEffects];
  return descriptor(record, { dimension: 'filesystem', observes, completeness: 'open_syscall_only' });
}

/** None where nothing was seen: what was only watched for is no evidence. */
function network(record: CaptureRecord): readonly CoverageDescriptor[] {
  const completeness = kernelHealth(record).network_protocol_coverage;
  if (completeness === 'absent' || completeness === 'unknown') return [];
  const observes = [
    ...(completeness === 'datagram_peer_observed' ? [] : [OBSERVES.connects]),
    ...(completeness === 'connect_only' ? [] : [OBSERVES.datagrams]),
    OBSERVES.local,
  ];
  return [descriptor(record, { dimension: 'network', observes, completeness })];
}

function processes(record: CaptureRecord): CoverageDescriptor {
  return descriptor(record, { dimension: 'process', observes: [OBSERVES.execs], completeness: 'exec_only' });
}

const THREAD_RACES =
  'thread_races: another thread can change the memory, the descriptors or the working directory that a call names, between what is told of it and what the kernel takes';

/** What no run of ours sees. */
const ALWAYS: Readonly<Record<Dimension, readonly string[]>> = {
  filesystem: [
    'descriptors: what is read and written is not observed, only that a file was opened; nor files that were open when the command started or that were handed to it',
    'given_paths: paths are told as the program gave them; links and working directories can lead elsewhere',
    'hidden_paths: opens of loader, locale, /proc, /sys, /dev, node_modules and toolchain libraries are counted and left out',
    THREAD_RACES,
  ],
  network: [
    'inherited_sockets: sockets that were connected when the command started, or were handed to it',
    'names: what a host is called is not observed, only its address',
    THREAD_RACES,
  ],
  process: [
    'interpreters: what the kernel itself starts for a script, such as its interpreter and the loader, has no exec of its own',
    'other_processes: what processes outside of the run do because of it, such as daemons and jobs that start later',
    THREAD_RACES,
  ],
};

type Everywhere = readonly Dimension[];

const ALL: Everywhere = ['filesystem', 'network', 'process'];

type Meaning = readonly [dimensions: Everywhere, text: string];
type Signal = readonly [name: string, meaning: Meaning];

const MOVED: Meaning = [['filesystem'], 'paths mean something else since then, also those that are left out'];

/** What a run may do so that more happens than is seen: where that counts, and what it means. */
const SIGNALS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['io_uring_setup', [['filesystem', 'network'], 'work is given to the kernel through a ring, without a system call']],
  ['memfd_create', [['process'], 'a program can come from memory, and has no path then']],
  ['open_by_handle_at', [['filesystem'], 'files are opened by a handle, without a path']],
  ['unshare', [['filesystem', 'network'], 'in other namespaces a path or an address means something else']],
  ['setns', [['filesystem', 'network'], 'in other namespaces a path or an address means something else']],
  ['pidfd_getfd', [['filesystem', 'network'], 'descriptors are taken from other processes']],
  [
    'socket',
    [
      ['network'],
      'packets are written and read whole, through a raw or packet socket, and no call tells where they go',
    ],
  ],
  ['unix_connect', [ALL, 'somebody behind a local socket can do things for the run, which are not followed']],
  ['unix_send', [ALL, 'somebody behind a local socket can do things for the run, which are not followed']],
  ['non_ip_connect', [['network'], 'something that is no IP endpoint and no local socket was connected']],
  ['non_ip_send', [['network'], 'something was sent to what is no IP endpoint and no local socket']],
  ['unnamed_exec', [['process'], 'a program was started by a descriptor, and nothing tells its path']],
  ...['mount', 'move_mount', 'umount', 'umount2', 'pivot_root', 'chroot'].map((call): Signal => [call, MOVED]),
  ['proc_of_others', [ALL, 'memory or descriptors of other processes were opened through /proc']],
  ['undecoded', [ALL, 'system calls were made in a way that is not decoded']],
]);

/** Codes of blind spots that a descriptor of ours can have, beside names of calls that are not foreseen. */
export const BLIND_SPOT_CODES: readonly string[] = [
  ...new Set(ALL.flatMap((dimension) => ALWAYS[dimension]).map((spot) => spot.split(':', 1)[0] ?? '')),
  ...['hidden_elsewhere', 'lost_records', 'ended_early', 'survivors'],
  ...SIGNALS.keys(),
];

function* blindSpots(record: CaptureRecord, dimension: Dimension): Generator<string> {
  yield* ALWAYS[dimension];
  yield* limits(record);
  const { normaliser } = record;
  if (dimension === 'filesystem' && (normaliser?.hidden_elsewhere ?? 0) > 0) {
    yield `hidden_elsewhere: ${normaliser?.hidden_elsewhere ?? 0} opens are left out by the path that was given, but led elsewhere`;
  }
  for (const [name, times] of Object.entries(normaliser?.blind_spots ?? {})) {
    const [dimensions, text] = SIGNALS.get(name) ?? [ALL, 'by this, things can happen that are not seen'];
    if (dimensions.includes(dimension)) yield `${name}: ${text} (${times === 1 ? 'once' : `${times} times`})`;
  }
}

/** Where the recording itself ends. */
function* limits(record: CaptureRecord): Generator<string> {
  const lost = lostRecords(record);
  if (lost > 0) yield `lost_records: ${lost} records were lost`;
  if (record.ended_early) yield 'ended_early: the observer was gone before the run was over';
  if ((record.survivors ?? 0) > 0)
    yield `survivors: ${record.survivors} processes of the run lived on when the recording ended`;
}
