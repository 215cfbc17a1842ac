import { join } from 'node:path';
import type { BuildConfig } from '../config/config.ts';
import { formatArtifactName } from '../core/artifact-name.ts';
import { pinOf } from '../core/sums.ts';
import { formatTarget, type Target } from '../core/target.ts';
import type { LocalBuilder } from '../resolve/local-builder.ts';
import type { Host } from './host.ts';
import type { InstalledProject } from './install-state.ts';
import type { Project } from './project.ts';

/** What a user is asked before something is built for them. */
export interface BuildQuestion {
  /** The artifact that no place has. */
  readonly name: string;
  /** What does the same, as a user would type it. */
  readonly command: string;
  /** What that runs. */
  readonly runs: string;
  /** The folder that it runs in. */
  readonly folder: string;
  /** True where only toolcrib's own compiler runs; code of the checkout is not run without a clear yes. */
  readonly defaultsToYes: boolean;
}

/** Somebody in front of a terminal. */
export interface BuildDialogue {
  ask(question: BuildQuestion, options: { readonly signal: AbortSignal | undefined }): Promise<boolean>;
  /** Shows what the build writes, as it writes it. */
  show(output: Uint8Array): void;
}

/**
 * How a project's artifact would be built here: `-dev` in an edited checkout; elsewhere it has to become what is pinned,
 * and is not kept otherwise.
 */
export function localBuilder(
  { config }: Project,
  { install, pins }: InstalledProject,
  host: Host,
  { target, dialogue }: { readonly target: Target; readonly dialogue: BuildDialogue | undefined },
): LocalBuilder {
  if (config === undefined) return { kind: 'none', reason: 'the tool that ships with toolcrib is not built here' };
  const { build } = config;
  if (build === undefined) return { kind: 'none', reason: `${config.file} does not say how it is built` };
  const { tool, version, sums } = pins;
  const dev = install.state === 'edited';
  const artifact = { tool, version, target, dev };
  const command = `toolcrib build ${dev ? '--dev ' : ''}--target ${formatTarget(target)}`;
  const question: BuildQuestion = {
    name: formatArtifactName(artifact),
    command,
    runs: describeBuild(build),
    folder: config.folder,
    defaultsToYes: build.driver === 'bun',
  };
  return {
    kind: 'command',
    command,
    unasked: whyUnasked(host, dialogue),
    ask: async () => (await dialogue?.ask(question, { signal: host.signal })) ?? false,
    async build() {
      const { buildArtifact } = await import('../build/artifact.ts');
      return await buildArtifact({
        ...{ config, version, target, dev },
        pin: dev ? undefined : pinOf(sums, artifact),
        outputDirectory: config.binaries,
        toolchainCache: join(host.cacheDirectory, 'toolchain'),
        reporter: host.reporter,
        env: { ...host.env },
        offline: host.offline,
        signal: host.signal ?? new AbortController().signal,
        onOutput: dialogue === undefined ? undefined : (bytes) => dialogue.show(bytes),
      });
    },
  };
}

/** A build may fetch whatever it likes, so none is begun offline. */
function whyUnasked({ offline }: Host, dialogue: BuildDialogue | undefined): string | undefined {
  if (offline) return 'nothing is built on the way offline';
  return dialogue === undefined ? 'there is nobody to ask' : undefined;
}

function describeBuild(build: BuildConfig): string {
  switch (build.driver) {
    case 'bun':
      return `bun build --compile ${build.entry}`;
    case 'command':
      return `sh -c ${JSON.stringify(build.command)}`;
    case 'docker':
      return `docker build --file ${build.dockerfile} ${build.context}`;
  }
}
