import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sandboxToolsProject } from '../flows/sandbox-tools.ts';
import { compileSyntheticTool, syntheticArtifact } from '../inject/synthetic-artifact.ts';
import type { Contents } from './target.ts';

/** In bytes: more than the smallest of the full disks holds. */
const BALLAST = 600_000;

/** Makes what is injected, once for all targets. */
export async function makeContents(): Promise<Contents> {
  const [program, glibcProgram, { folder }, scratch] = await Promise.all([
    compileSyntheticTool(),
    compileSyntheticTool(1, 'dynamic'),
    sandboxToolsProject(),
    mkdtemp(join(tmpdir(), 'hard-targets-')),
  ]);
  return {
    program: await syntheticArtifact({ program, ballast: BALLAST }),
    glibcProgram: await syntheticArtifact({ program: glibcProgram, libc: 'glibc' }),
    toolFolder: folder,
    cache: join(scratch, 'cache'),
    scratch,
    [Symbol.asyncDispose]: () => rm(scratch, { recursive: true }),
  };
}
