import * as z from 'zod/mini';
import { pathRecordSchema, peerRecordSchema, type PathRecord, type PeerRecord } from './effect-event.ts';

export const KERNEL_RAW_SCHEMA = 'toolcrib.kernel_raw.v1';

const RAW_KINDS = ['open', 'connect', 'send', 'exec', 'effect', 'process', 'blind_spot'] as const;

/** A line of `toolcrib/kernel-raw.ndjson`, in the order of its keys: everything that the observer told. */
export interface KernelRawEvent {
  readonly schema: typeof KERNEL_RAW_SCHEMA;
  readonly run_id: string;
  readonly seq: number;
  /** Thread group and thread. */
  readonly pid: number;
  readonly tid: number;
  /** Nanoseconds since the first call that was told; absent when the observer has no clock. */
  readonly time_ns?: number;
  readonly cgroup_id?: number;
  readonly kind: (typeof RAW_KINDS)[number];
  /** The system call, or `fork`, `exit`. */
  readonly call: string;
  readonly abi?: 'compat';
  readonly paths?: readonly PathRecord[];
  /** Null when it could not be read. */
  readonly peer?: PeerRecord | null;
  /** Of an open, as the program gave them. */
  readonly flags?: number;
  readonly mode?: number;
  readonly resolve?: number;
  /** Of a fork: the new thread group. */
  readonly child?: number;
  readonly detail?: string;
  /** Absent when the call never returned. */
  readonly return_value?: number;
}

const count = z.int().check(z.minimum(0));

export const kernelRawEventSchema = z.strictObject({
  schema: z.literal(KERNEL_RAW_SCHEMA),
  run_id: z.string(),
  seq: count,
  pid: count,
  tid: count,
  time_ns: z.optional(z.int()),
  cgroup_id: z.optional(count),
  kind: z.enum(RAW_KINDS),
  call: z.string(),
  abi: z.optional(z.literal('compat')),
  paths: z.optional(z.array(pathRecordSchema)),
  peer: z.optional(z.nullable(peerRecordSchema)),
  flags: z.optional(z.number()),
  mode: z.optional(z.number()),
  resolve: z.optional(z.number()),
  child: z.optional(count),
  detail: z.optional(z.string()),
  return_value: z.optional(z.int()),
});

/** A line as it was read. */
export type ReadRawEvent = z.infer<typeof kernelRawEventSchema>;
