import type { ArchiveContent } from './content.ts';
import { KERNEL_PATH, POLICY_PATH, SDK_PATH } from './paths.ts';
import { SURFACE_SETS, type SurfaceSet } from '../reports/capability-surface.ts';
import type { CorrelationReport } from '../reports/correlation-report.ts';
import type { ObservationHealth } from '../reports/observation-health.ts';

/** What an archive says, in short. Fields are undefined where the member that has them could not be read. */
export interface ArchiveSummary {
  readonly runId: string | undefined;
  readonly platform: string | undefined;
  readonly agentShim: string | undefined;
  readonly command: readonly string[] | undefined;
  readonly envKeys: readonly string[] | undefined;
  readonly exitCode: number | null | undefined;
  readonly signal: number | null | undefined;
  readonly success: boolean | undefined;
  /** Milliseconds. */
  readonly elapsedMs: number | undefined;
  readonly spawnError: string | null;
  readonly timedOut: boolean;
  /** Lines that were read. */
  readonly layers: { readonly kernel: number; readonly policy: number; readonly sdk: number };
  readonly health: ObservationHealth | undefined;
  readonly correlation: Pick<CorrelationReport, 'status' | 'ambiguities'> | undefined;
  /** Sizes of the sets. */
  readonly surface: Readonly<Record<SurfaceSet, number>> | undefined;
}

export function summaryOf(content: ArchiveContent): ArchiveSummary {
  const { manifest, events, outcome, lines, health, correlation, surface } = content;
  const start = events.find((event) => event.type === 'run_started');
  const end = events.find((event) => event.type === 'run_finished');
  return {
    runId: manifest?.run_id,
    platform: health?.platform,
    agentShim: start?.agent_shim,
    command: start?.command,
    envKeys: start?.env_keys,
    exitCode: end?.exit_code,
    signal: end?.signal,
    success: end?.success,
    elapsedMs: end?.window_elapsed_ms,
    spawnError: outcome?.spawn_error ?? null,
    timedOut: outcome?.timed_out ?? false,
    layers: {
      kernel: lines.get(KERNEL_PATH) ?? 0,
      policy: lines.get(POLICY_PATH) ?? 0,
      sdk: lines.get(SDK_PATH) ?? 0,
    },
    health,
    correlation: correlation && { status: correlation.status, ambiguities: correlation.ambiguities },
    surface: surface && sizesOf(surface),
  };
}

function sizesOf(surface: Readonly<Record<SurfaceSet, readonly string[]>>): Readonly<Record<SurfaceSet, number>> {
  const [files, endpoints, execs, tools, decisions] = SURFACE_SETS.map((name) => surface[name].length);
  return {
    filesystem_paths: files ?? 0,
    network_endpoints: endpoints ?? 0,
    process_execs: execs ?? 0,
    mcp_tools: tools ?? 0,
    policy_decisions: decisions ?? 0,
  };
}
