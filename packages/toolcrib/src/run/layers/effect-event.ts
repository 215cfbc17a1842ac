import * as z from 'zod/mini';

export const EFFECT_SCHEMA = 'toolcrib.effect.v1';

/** A path as our own members tell it, redacted. */
export interface PathRecord {
  /** As the program gave it; null when it could not be read. */
  readonly given: string | null;
  /** Where it led, when the observer could tell and it is not what was given. */
  readonly absolute?: string;
  /** It is relative to a directory that is not known. */
  readonly relative?: true;
  /** `given` is only its beginning. */
  readonly cut?: true;
}

/** The peer of a socket as our own members tell it, redacted. */
export type PeerRecord =
  | { readonly family: 'inet' | 'inet6'; readonly endpoint: string }
  | { readonly family: 'unix'; readonly path: string }
  | { readonly family: 'other'; readonly number: number };

/** What an effect is: something that changed, an exec that replaced no program, or a call that can hide others. */
export type EffectKind = 'effect' | 'exec' | 'blind_spot';

/** A line of `toolcrib/effects.ndjson`, in the order of its keys. Ours: the format has no place for these calls. */
export interface EffectEvent {
  readonly schema: typeof EFFECT_SCHEMA;
  readonly run_id: string;
  readonly seq: number;
  readonly pid: number;
  readonly kind: EffectKind;
  /** The system call. */
  readonly call: string;
  /** A 32-bit call of a 64-bit kernel. */
  readonly abi?: 'compat';
  /** In the order of the call: the old name first. */
  readonly paths?: readonly PathRecord[];
  readonly peer?: PeerRecord;
  /** Of a blind spot, in a few words. */
  readonly detail?: string;
  /** Absent when the call never returned. */
  readonly return_value?: number;
  readonly status?: 'success' | 'error';
}

const count = z.int().check(z.minimum(0));

export const pathRecordSchema = z.strictObject({
  given: z.nullable(z.string()),
  absolute: z.optional(z.string()),
  relative: z.optional(z.literal(true)),
  cut: z.optional(z.literal(true)),
});

export const peerRecordSchema = z.discriminatedUnion('family', [
  z.strictObject({ family: z.enum(['inet', 'inet6']), endpoint: z.string() }),
  z.strictObject({ family: z.literal('unix'), path: z.string() }),
  z.strictObject({ family: z.literal('other'), number: count }),
]);

export const effectEventSchema = z.strictObject({
  schema: z.literal(EFFECT_SCHEMA),
  run_id: z.string(),
  seq: count,
  pid: count,
  kind: z.enum(['effect', 'exec', 'blind_spot']),
  call: z.string(),
  abi: z.optional(z.literal('compat')),
  paths: z.optional(z.array(pathRecordSchema)),
  peer: z.optional(peerRecordSchema),
  detail: z.optional(z.string()),
  return_value: z.optional(z.int()),
  status: z.optional(z.enum(['success', 'error'])),
});
