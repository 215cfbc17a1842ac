import { randomBytes } from 'node:crypto';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { compileSyntheticTool } from './synthetic-artifact.ts';

/** A scratch project with an artifact. */
export interface SyntheticProject extends ScratchProject {
  /** File name of the artifact in the folder `store`. */
  readonly artifact: string;
}

/**
 * A project of the synthetic tool, whose artifact is in its store.
 * @param options.ballast bytes that come after the program in its file.
 * @param options.config what else the configuration says.
 */
export async function syntheticProject({
  ballast = 0,
  config = {},
}: {
  readonly ballast?: number;
  readonly config?: Readonly<Record<string, unknown>>;
} = {}): Promise<SyntheticProject> {
  const program = Buffer.concat([await compileSyntheticTool(), randomBytes(ballast)]);
  const target = process.arch === 'arm64' ? 'arm64-any' : 'amd64-any';
  const name = `synthetic-${target}-v1`;
  const project = await scratchProject({
    'toolcrib.json': { tool: 'synthetic', targets: [target], stores: ['file:./store'], ...config },
    'tool-version.txt': '1\n',
    SHA256SUMS: `${digestHex(digestOf(program))}  ${name}\n`,
  });
  await project.write(`store/${name}`, program);
  return { ...project, artifact: name };
}
