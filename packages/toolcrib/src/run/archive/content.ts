import type * as z from 'zod/mini';
import type { Digest } from '../../core/digest.ts';
import type { effectEventSchema } from '../layers/effect-event.ts';
import type { KernelEvent } from '../layers/kernel-event.ts';
import type { PolicyEvent } from '../layers/policy-event.ts';
import type { RunEvent } from '../layers/run-event.ts';
import type { SdkEvent } from '../layers/sdk-event.ts';
import { createEffectReplay, type EffectReplay } from '../normalise/effect-replay.ts';
import type { RawReplay } from '../normalise/raw-replay.ts';
import { createSurfaceBuilder, type CapabilitySurface, type SurfaceBuilder } from '../reports/capability-surface.ts';
import type { CaptureRecord } from '../reports/capture-record.ts';
import type { CorrelationReport } from '../reports/correlation-report.ts';
import type { InjectionRecord } from '../reports/injection-record.ts';
import type { ObservationHealth } from '../reports/observation-health.ts';
import type { RunCoverage } from '../reports/run-coverage.ts';
import type { ArchivedOutcome } from '../run-outcome.ts';
import type { KernelLineReader } from './kernel-lines.ts';
import type { ArchiveManifest } from './manifest.ts';

/** What the members of an archive said, as far as they could be read. */
export interface ArchiveContent {
  manifest?: ArchiveManifest;
  /** Of the manifest's bytes. */
  manifestDigest?: Digest;
  surface?: CapabilitySurface;
  correlation?: CorrelationReport;
  health?: ObservationHealth;
  outcome?: ArchivedOutcome;
  capture?: CaptureRecord;
  coverage?: RunCoverage;
  injection?: InjectionRecord;
  /** What the raw member comes to; there once a line of it has been read. */
  replay?: RawReplay;
  /** What the effects come to. */
  readonly effects: EffectReplay;
  /** The envelope over the manifest's digest, as it stands there. */
  signature?: Uint8Array;
  /** The first few; a run has two. */
  readonly events: RunEvent[];
  readonly decisions: { readonly toolCallId: string; readonly decision: string }[];
  readonly sdkToolCalls: Set<string>;
  /** What the layers imply. */
  readonly implied: SurfaceBuilder;
  readonly lines: Map<string, number>;
  /** Values of the kernel layer that were seen, by kind: what comes again needs no second look. */
  readonly knownValues: Map<string, Set<string>>;
  /** What may still be kept of the layers, in characters. */
  readonly budget: { left: number };
  readonly visitor: ArchiveVisitor;
  /** Reads plain lines of the kernel layer; there once the manifest has been read. */
  kernelLines?: KernelLineReader;
}

/** An effect as it is read. */
export type ReadEffect = z.infer<typeof effectEventSchema>;

/** Is told the lines of the layers as they are read, valid ones alone. Nothing of it is to be believed before the end. */
export interface ArchiveVisitor {
  readonly kernel?: (event: KernelEvent) => void;
  readonly policy?: (event: PolicyEvent) => void;
  readonly sdk?: (event: SdkEvent) => void;
  readonly effect?: (event: ReadEffect) => void;
}

/** @param kept characters of the layers that may be kept: their surface and their tool calls. */
export function createArchiveContent(kept: number, visitor: ArchiveVisitor = {}): ArchiveContent {
  return {
    effects: createEffectReplay(),
    events: [],
    decisions: [],
    sdkToolCalls: new Set(),
    implied: createSurfaceBuilder(),
    lines: new Map(),
    knownValues: new Map(),
    budget: { left: kept },
    visitor,
  };
}
