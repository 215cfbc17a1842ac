import manifest from '../../package.json' with { type: 'json' };
import { parseSums } from '../core/sums.ts';
import { parseTarget, type Arch } from '../core/target.ts';
import { NO_ATTESTATION_POLICY } from './attestation-policy.ts';
import builtin from './builtin.json' with { type: 'json' };
import type { ToolPins } from './config.ts';
import { DEFAULT_INSTALL } from './install.ts';

const PACKAGE_OF: Readonly<Record<Arch, string>> = {
  amd64: 'sandbox-tools-linux-x64',
  arm64: 'sandbox-tools-linux-arm64',
};

/** The npm platform packages that carry the artifacts of the tool that ships; scripts/build.mjs fills them. */
export const PLATFORM_PACKAGES: readonly string[] = Object.values(PACKAGE_OF);

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
    // Other versions have other artifacts.
    packages: {
      amd64: `${PACKAGE_OF.amd64}@${manifest.version}`,
      arm64: `${PACKAGE_OF.arm64}@${manifest.version}`,
    },
    stores: [],
    rewrite: [],
    attestation: NO_ATTESTATION_POLICY,
    revocationFile: undefined,
    install: DEFAULT_INSTALL,
    entrypoint: [`bin/${builtin.tool}`],
    healthcheck: ['healthcheck'],
  };
}
