import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { SandboxError } from '../../../src/core/errors.ts';
import { createHost } from '../../../src/flows/host.ts';
import { injectInto } from '../../../src/flows/inject-tool.ts';
import { openProject } from '../../../src/flows/project.ts';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import { collectOutput } from '../../../src/inject/output.ts';
import type { Placement } from '../../../src/inject/placement.ts';
import { startTool } from '../../../src/inject/start-tool.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { injectionOf } from '../inject/synthetic-artifact.ts';
import { provenOutcome, refusedOutcome, restlessOutcome, type Outcome } from './outcome.ts';
import type { Contents, HardTarget } from './target.ts';

/** How often a target is injected that is changed meanwhile. */
const TIMES = 5;

/**
 * Makes a target, injects into it and tells what came of it. A placement is proven to be one: it is found again, and the
 * tool answers from there.
 */
export async function runTarget(target: HardTarget, contents: Contents): Promise<Outcome> {
  await using open = await target.open(contents);
  const { sandbox, verify } = open;
  const ledger = await mkdtemp(join(contents.scratch, 'ledger-'));
  const inject = () => injectContent(target, contents, sandbox, ledger);
  const outcome =
    target.restless === true ? await injectOften(target, inject) : await injectOnce(target, sandbox, inject);
  await verify?.();
  return outcome;
}

async function injectOnce(target: HardTarget, sandbox: Sandbox, inject: () => Promise<Placement>): Promise<Outcome> {
  const placement = await inject().catch(refusal);
  if (placement instanceof SandboxError) return refusedOutcome(target, placement, sandbox.reference);
  const again = await inject();
  if (!again.reused || again.directory !== placement.directory)
    throw new Error(`${placement.directory} was not found again: ${again.directory}`);
  const called = await collectOutput(await startTool({ sandbox, placement, args: ['version'], stdin: false }));
  if (called.code !== 0) throw new Error(`the tool ended with ${called.code}: ${called.stderr}`);
  return provenOutcome(target, placement);
}

/** Each time it is either proven or refused; which of both is chance. */
async function injectOften(target: HardTarget, inject: () => Promise<Placement>): Promise<Outcome> {
  for (let count = 0; count < TIMES; count++) await inject().catch(refusal);
  return restlessOutcome(target, TIMES);
}

function refusal(error: unknown): SandboxError {
  if (error instanceof SandboxError) return error;
  throw error;
}

async function injectContent(
  { content, install, copy }: HardTarget,
  contents: Contents,
  sandbox: Sandbox,
  ledger: string,
): Promise<Placement> {
  if (content === 'the tool that ships') {
    const env = { ...process.env, CI: '' };
    const host = createHost({ env, cwd: contents.toolFolder, cacheDirectory: contents.cache });
    return (await injectInto(sandbox, await openProject(host), host, { copy })).placement;
  }
  const artifact = content === 'a static program' ? contents.program : contents.glibcProgram;
  return await injectTool(injectionOf(sandbox, artifact, ledger, install === undefined ? {} : { install }));
}
