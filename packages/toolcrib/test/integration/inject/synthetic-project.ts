import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { compileSyntheticTool } from './synthetic-artifact.ts';

/** A project of the synthetic tool, whose artifact is in its store. */
export async function syntheticProject(): Promise<ScratchProject> {
  const program = await compileSyntheticTool();
  const target = process.arch === 'arm64' ? 'arm64-any' : 'amd64-any';
  const name = `synthetic-${target}-v1`;
  const project = await scratchProject({
    'toolcrib.json': { tool: 'synthetic', targets: [target], stores: ['file:./store'] },
    'tool-version.txt': '1\n',
    SHA256SUMS: `${digestHex(digestOf(program))}  ${name}\n`,
  });
  await project.write(`store/${name}`, program);
  return project;
}
