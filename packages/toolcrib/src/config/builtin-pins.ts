import { parseSums } from '../core/sums.ts';
import { parseTarget } from '../core/target.ts';
import { NO_ATTESTATION_POLICY } from './attestation-policy.ts';
import builtin from './builtin.json' with { type: 'json' };
import type { ToolPins } from './config.ts';
import { DEFAULT_INSTALL } from './install.ts';

/** The npm platform packages that carry the artifacts of the tool that ships; scripts/build.mjs fills them. */
export const PLATFORM_PACKAGES: readonly string[] = ['sandbox-tools-linux-x64', 'sandbox-tools-linux-arm64'];

/**
 * The pins of the tool that ships with toolcrib, for users without a configuration.
 * @param binaries folders of the platform packages that are installed.
 */
export function builtinPins(binaries: readonly string[]): ToolPins {
  return {
    tool: builtin.tool,
    version: builtin.version,
    targets: builtin.targets.map(parseTarget),
    sums: parseSums(builtin.sums, 'the toolcrib package'),
    sumsFile: 'the toolcrib package',
    binaries,
    stores: [],
    rewrite: [],
    attestation: NO_ATTESTATION_POLICY,
    revocationFile: undefined,
    install: DEFAULT_INSTALL,
    entrypoint: [`bin/${builtin.tool}`],
    healthcheck: ['healthcheck'],
  };
}
