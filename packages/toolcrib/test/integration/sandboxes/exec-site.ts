import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/flows/host.ts';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import type { Injection } from '../../../src/inject/injection.ts';
import { collectOutput } from '../../../src/inject/output.ts';
import type { Placement } from '../../../src/inject/placement.ts';
import { openExecSandbox } from '../../../src/sandboxes/exec/exec-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { injectionOf } from '../inject/synthetic-artifact.ts';

/** A sandbox behind a prefix, with a ledger of its own. */
export interface ExecSite extends AsyncDisposable {
  readonly sandbox: Sandbox;
  /** The same one, opened again; who opens it closes it. */
  open(): Promise<Sandbox>;
  inject(artifact: Injection['artifact'], more?: Partial<Injection>): Promise<Placement>;
}

export async function execSite(words: readonly string[]): Promise<ExecSite> {
  const ledger = await mkdtemp(join(tmpdir(), 'ledger-'));
  const open = () =>
    openExecSandbox(words, {
      reference: `exec:${words.join(' ')}`,
      env: process.env,
      clock: systemClock,
      random: randomBytes,
    });
  const sandbox = await open();
  return {
    sandbox,
    open,
    inject: (artifact: Injection['artifact'], more: Partial<Injection> = {}) =>
      injectTool(injectionOf(more.sandbox ?? sandbox, artifact, ledger, more)),
    [Symbol.asyncDispose]: async () => {
      await sandbox.close();
      await rm(ledger, { recursive: true });
    },
  };
}

/** Runs a script in a sandbox; resolves with its stdout, without blanks at its ends. */
export async function shell(sandbox: Sandbox, script: string): Promise<string> {
  return (await collectOutput(await sandbox.exec({ argv: ['/bin/sh', '-c', script], stdin: false }))).stdout.trim();
}
