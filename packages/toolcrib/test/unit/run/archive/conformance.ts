import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { requireOrSkip, type Requirement } from '../../../servers/require.ts';

/** Samples that other software wrote; they are not part of the repository. */
const DIRECTORY = fileURLToPath(new URL('../../../../../../../shared/conformance/assay/', import.meta.url));

export function conformanceFile(name: string): string {
  return `${DIRECTORY}${name}`;
}

export function needsConformanceSamples(): Requirement {
  return requireOrSkip(
    existsSync(DIRECTORY) ? undefined : 'the samples of other software (conformance/assay) are not there',
  );
}
