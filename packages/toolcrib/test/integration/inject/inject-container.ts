import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Notice, Reporter } from '../../../src/core/reporter.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import type { Injection } from '../../../src/inject/injection.ts';
import { collectOutput, type ProgramOutput } from '../../../src/inject/output.ts';
import type { Placement } from '../../../src/inject/placement.ts';
import { startTool, type ToolStart } from '../../../src/inject/start-tool.ts';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { docker, startContainer, type ContainerOptions } from '../../servers/docker.ts';
import { injectionOf } from './synthetic-artifact.ts';

/** A container that tools are injected into, with a ledger of its own. */
export interface InjectionSite extends AsyncDisposable {
  readonly name: string;
  readonly ledger: string;
  readonly notices: readonly Notice[];
  readonly sandbox: Sandbox;
  inject(artifact: InjectableArtifact, more?: Partial<Injection>): Promise<Placement>;
  call(placement: Placement, args: readonly string[], more?: Partial<ToolStart>): Promise<ProgramOutput>;
  /** Runs a shell command in the container. */
  shell(user: string, script: string): Promise<string>;
}

/** A container, and what it is reached by. */
export interface SiteOptions extends ContainerOptions {
  /** False: as on a machine from which its mount namespace cannot be entered. Default: true. */
  readonly entered?: boolean;
}

export async function startSite(
  options: SiteOptions,
  prepare?: (site: Pick<InjectionSite, 'name' | 'shell'>) => Promise<void>,
): Promise<InjectionSite> {
  const container = await startContainer(options);
  const { name } = container;
  const ledger = await mkdtemp(join(tmpdir(), 'ledger-'));
  const shell = (user: string, script: string) => docker('exec', '--user', user, name, '/bin/sh', '-c', script);
  await prepare?.({ name, shell });
  const opened = await openDockerSandbox(name, { env: process.env });
  const sandbox = options.entered === false ? withoutNamespace(opened) : opened;
  const notices: Notice[] = [];
  const reporter: Reporter = {
    notice: (notice) => notices.push(notice),
    progress: () => ({ advance: () => undefined, end: () => undefined }),
  };
  return {
    name,
    ledger,
    notices,
    sandbox,
    shell,
    inject: (artifact, more) => injectTool(injectionOf(sandbox, artifact, ledger, { reporter, ...more })),
    call: async (placement, args, more) =>
      await collectOutput(await startTool({ sandbox, placement, args, stdin: false, ...more })),
    [Symbol.asyncDispose]: async () => {
      await sandbox.close();
      await container[Symbol.asyncDispose]();
      await rm(ledger, { recursive: true });
    },
  };
}

/** A sandbox whose mount namespace cannot be entered. */
export function withoutNamespace(sandbox: Sandbox): Sandbox {
  const { remover: _remover, ...others } = sandbox;
  return { ...others, namespace: { closed: 'a test keeps it closed' } };
}

/** Names of what a ledger has of placements; its notes about what is none, and its locks, are no entries. */
export async function entriesOf(ledger: string): Promise<readonly string[]> {
  return (await readdir(ledger)).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
}
