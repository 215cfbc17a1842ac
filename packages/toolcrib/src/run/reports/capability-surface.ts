import * as z from 'zod/mini';
import { compareCodePoints } from '../../tar/path.ts';

export const SURFACE_SCHEMA = 'assay.runner.capability_surface.v0';

/** The sets of a surface, in the order of the format. */
export const SURFACE_SETS = [
  'filesystem_paths',
  'network_endpoints',
  'process_execs',
  'mcp_tools',
  'policy_decisions',
] as const;

export type SurfaceSet = (typeof SURFACE_SETS)[number];

/** What a run was seen to touch: sets, sorted by code point. */
export type CapabilitySurface = {
  readonly schema: typeof SURFACE_SCHEMA;
  readonly run_id: string;
} & Readonly<Record<SurfaceSet, readonly string[]>>;

/** Gathers a surface from the lines of the layers. */
export interface SurfaceBuilder {
  /** A line of the kernel layer; a null value or another kind adds nothing. */
  addKernelEvent(kind: string, value: string | null): void;
  /** A line of the policy layer. */
  addDecision(tool: string, decision: string): void;
  build(runId: string): CapabilitySurface;
}

/** Which set the value of a kernel event belongs to. Failed opens count too: they were tried. */
const SET_OF_KIND: ReadonlyMap<string, SurfaceSet> = new Map([
  ['openat', 'filesystem_paths'],
  ['file_blocked', 'filesystem_paths'],
  ['connect', 'network_endpoints'],
  ['connect_blocked', 'network_endpoints'],
  ['sendto', 'network_endpoints'],
  ['sendmsg', 'network_endpoints'],
  ['exec', 'process_execs'],
]);

export function createSurfaceBuilder(): SurfaceBuilder {
  const sets: Record<SurfaceSet, Set<string>> = {
    filesystem_paths: new Set(),
    network_endpoints: new Set(),
    process_execs: new Set(),
    mcp_tools: new Set(),
    policy_decisions: new Set(),
  };
  const sorted = (name: SurfaceSet): readonly string[] => sortedByCodePoint([...sets[name]]);
  return {
    addKernelEvent(kind, value) {
      const name = SET_OF_KIND.get(kind);
      if (name !== undefined && value !== null) sets[name].add(value);
    },
    addDecision(tool, decision) {
      sets.mcp_tools.add(tool);
      sets.policy_decisions.add(`${decision}:${tool}`);
    },
    build: (runId) => ({
      schema: SURFACE_SCHEMA,
      run_id: runId,
      filesystem_paths: sorted('filesystem_paths'),
      network_endpoints: sorted('network_endpoints'),
      process_execs: sorted('process_execs'),
      mcp_tools: sorted('mcp_tools'),
      policy_decisions: sorted('policy_decisions'),
    }),
  };
}

/** Plain order is code point order where no surrogates are: a surface can have a million paths. */
function sortedByCodePoint(values: string[]): readonly string[] {
  return values.some((value) => /[\ud800-\udfff]/.test(value)) ? values.sort(compareCodePoints) : values.sort();
}

export const surfaceSchema = z.strictObject({
  schema: z.literal(SURFACE_SCHEMA),
  run_id: z.string(),
  filesystem_paths: z.array(z.string()),
  network_endpoints: z.array(z.string()),
  process_execs: z.array(z.string()),
  mcp_tools: z.array(z.string()),
  policy_decisions: z.array(z.string()),
});

/** Where a surface that is told differs from the one that the layers imply, one sentence a set. */
export function surfaceProblems(told: CapabilitySurface, implied: CapabilitySurface): readonly string[] {
  return SURFACE_SETS.flatMap((name) => setProblem(name, told[name], implied[name]) ?? []);
}

function setProblem(name: SurfaceSet, told: readonly string[], implied: readonly string[]): string | undefined {
  if (told.length === implied.length && told.every((value, index) => value === implied[index])) return undefined;
  const toldSet = new Set(told);
  const impliedSet = new Set(implied);
  const extra = told.find((value) => !impliedSet.has(value));
  if (extra !== undefined) return `${name} has ${quote(extra)}, which no layer shows`;
  const missing = implied.find((value) => !toldSet.has(value));
  if (missing !== undefined) return `${name} lacks ${quote(missing)}, which a layer shows`;
  return `${name} is not a set sorted by code point`;
}

function quote(value: string): string {
  return JSON.stringify(value.slice(0, 200));
}
