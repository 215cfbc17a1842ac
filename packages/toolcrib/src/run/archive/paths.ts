/** Members of a run archive: formats.md 6. */
export const MANIFEST_PATH = 'manifest.json';
export const SURFACE_PATH = 'capability-surface.json';
export const CORRELATION_PATH = 'correlation-report.json';
export const EVENTS_PATH = 'events.ndjson';
export const KERNEL_PATH = 'layers/kernel.ndjson';
export const POLICY_PATH = 'layers/policy.ndjson';
export const SDK_PATH = 'layers/sdk.ndjson';
export const HEALTH_PATH = 'observation-health.json';
/** Ours: why a run has no exit code, or that its time was up. There only when one of them is so. */
export const OUTCOME_PATH = 'toolcrib/outcome.json';
/** Ours: tier, accounts and bounds of the observation of the kernel. */
export const CAPTURE_PATH = 'toolcrib/capture.json';
/** Ours: what each dimension was observed by, and its blind spots. */
export const COVERAGE_PATH = 'toolcrib/coverage.json';
/** Ours: failed execs, and calls that change something without opening it. */
export const EFFECTS_PATH = 'toolcrib/effects.ndjson';
/** Ours: every call as it was observed, nothing hidden. There only when it was asked for. */
export const RAW_PATH = 'toolcrib/kernel-raw.ndjson';
/** Ours: a signature over the digest of the manifest, which therefore cannot list it. There only when asked for. */
export const SIGNATURE_PATH = 'toolcrib/manifest.dsse.json';
/** Ours: the tool that was placed in the sandbox of the run. */
export const INJECTION_PATH = 'toolcrib/injection.json';

/** What toolcrib adds to the format stands below this. */
export const OWN_PREFIX = 'toolcrib/';

/** The members that every archive has after its manifest, in their order. */
export const REQUIRED_PATHS: readonly string[] = [
  SURFACE_PATH,
  CORRELATION_PATH,
  EVENTS_PATH,
  KERNEL_PATH,
  POLICY_PATH,
  SDK_PATH,
  HEALTH_PATH,
];

/** One member with its content. */
export interface ArchiveMember {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * Where a member stands: the manifest, then the format's members sorted, then ours sorted. Of two paths the one that
 * comes first has the smaller key (by code point).
 */
export function memberOrderKey(path: string): string {
  if (path === MANIFEST_PATH) return `0${path}`;
  return path.startsWith(OWN_PREFIX) ? `2${path}` : `1${path}`;
}
