import { platformName } from '../run/platform.ts';
import { createRunSpec as create, verifyRunSpec, type RunSpec } from '../run/run-spec.ts';
import type { Host } from './host.ts';

/** What of a run spec may differ from its defaults. */
export interface RunSpecRequest {
  readonly command: readonly string[];
  /** Letters, digits, `_` and `-`. Default: a random one. */
  readonly runId?: string;
  /** Set for the command; only the names are recorded. */
  readonly env?: Readonly<Record<string, string>>;
  /** Which SDK the command reports from: `openai-agents`, `gemini-google-genai`. Default: `none`. */
  readonly agentShim?: string;
}

/**
 * What a run on this machine is, before it runs: valid, with an id of its own.
 * @throws UsageError `RUN_SPEC_INVALID`.
 */
export function createRunSpec({ random }: Host, { command, runId, env, agentShim }: RunSpecRequest): RunSpec {
  const spec = create(command, {
    platform: platformName(process.platform),
    random,
    ...(runId !== undefined && { runId }),
    ...(env !== undefined && { env }),
    ...(agentShim !== undefined && { agentShim }),
  });
  verifyRunSpec(spec);
  return spec;
}
