import { access, constants } from 'node:fs/promises';
import type { ProjectConfig } from '../config/config.ts';
import { pinOf } from '../core/sums.ts';
import { archFrom } from '../core/target.ts';
import { examineBubblewrap } from '../doctor/bubblewrap.ts';
import { examineCache } from '../doctor/cache-findings.ts';
import { emulationFindings, readTranslators } from '../doctor/emulation.ts';
import { engineFindings } from '../doctor/engine-findings.ts';
import type { Probe } from '../doctor/examine.ts';
import { finding, type Finding } from '../doctor/finding.ts';
import { examineGit } from '../doctor/git.ts';
import { mountFinding } from '../doctor/mount-finding.ts';
import { examineAuthorities, proxyFindings } from '../doctor/network.ts';
import { examineStrace, kernelFindings, readKernelFacts, tracerFindings } from '../doctor/recording.ts';
import type { Host } from './host.ts';
import { treesOf } from './host-tree.ts';
import type { InstalledProject } from './install-state.ts';
import { transferOptions } from './open-store.ts';
import type { Project } from './project.ts';

/** What the machine is looked at with. */
export interface ProbeContext {
  readonly host: Host;
  /** Fails when the configuration is wrong. */
  readonly project: () => Promise<Project>;
  /** Undefined without one, or when it is wrong. */
  readonly config: ProjectConfig | undefined;
  readonly installed: () => Promise<InstalledProject>;
}

/** An engine is given up before a probe is, so that there is a better reason than that time is up. In milliseconds. */
const ENGINE_PATIENCE_MS = 4000;

/** Everything but stores. */
export function hostProbes(context: ProbeContext): readonly Probe[] {
  const { host } = context;
  return [
    ...toolcribProbes(context),
    engineProbe('docker', context),
    engineProbe('podman', context),
    ...networkProbes(host),
    {
      group: 'cache',
      subject: 'cache',
      failsAs: 'failed',
      look: () => examineCache(host.cacheDirectory, host.ledgerDirectory, host.clock.now()),
    },
    { group: 'cache', subject: 'mounts', failsAs: 'warning', look: () => mountProbe(host) },
    ...localProbes(host),
  ];
}

function toolcribProbes({ host, project, config, installed }: ProbeContext): readonly Probe[] {
  const path = pathOf(host);
  return [
    { group: 'toolcrib', subject: 'node', failsAs: 'failed', look: () => Promise.resolve([nodeFinding()]) },
    {
      ...{ group: 'toolcrib', subject: 'git', failsAs: 'warning' },
      look: (signal) => examineGit({ path, isNeeded: config !== undefined }, signal),
    },
    {
      ...{ group: 'toolcrib', subject: 'configuration', failsAs: 'failed' },
      look: async () => [configurationFinding((await project()).config), ...(await keyFindings(config))],
    },
    { group: 'toolcrib', subject: 'tool', failsAs: 'failed', look: async () => await toolFindings(project, installed) },
  ];
}

function nodeFinding(): Finding {
  const { platform, arch, versions } = process;
  const facts = { version: versions.node, platform, arch };
  return finding({
    group: 'toolcrib',
    subject: 'node',
    state: 'ok',
    text: `Node ${versions.node} on ${platform} ${arch}`,
    facts,
  });
}

function configurationFinding(config: ProjectConfig | undefined): Finding {
  const common = { group: 'toolcrib', subject: 'configuration', state: 'ok' } as const;
  if (config !== undefined) return finding({ ...common, text: config.file, facts: { file: config.file } });
  const text = 'there is no toolcrib.json here or above: the tool that ships with toolcrib is used';
  return finding({ ...common, text, facts: { file: null } });
}

/** Files that the policy names, without which nothing signed can be verified. */
async function keyFindings(config: ProjectConfig | undefined): Promise<readonly Finding[]> {
  const { publicKeys = [], trustedRoot } = config?.attestation ?? {};
  const files = [...publicKeys, ...(trustedRoot === undefined ? [] : [trustedRoot])];
  const closed = await Promise.all(files.map(async (file) => ((await isReadable(file)) ? [] : [file])));
  return closed.flat().map((file) =>
    finding({
      ...{ group: 'toolcrib', subject: 'attestation', state: 'failed', text: `${file} cannot be read` },
      remedy: '"attestation" in toolcrib.json names it',
    }),
  );
}

async function isReadable(file: string): Promise<boolean> {
  return await access(file, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** Silent where the configuration is wrong, which is told already. */
async function toolFindings(
  project: ProbeContext['project'],
  installed: ProbeContext['installed'],
): Promise<readonly Finding[]> {
  if ((await project().catch(() => undefined)) === undefined) return [];
  const { pins, install } = await installed();
  const { tool, version, targets, sums } = pins;
  const pinned = targets.filter((target) => pinOf(sums, { tool, version, target, dev: false }) !== undefined);
  const text = `${tool} v${version}, ${pinned.length} of ${targets.length} targets are pinned; the install state is ${install.state}: ${install.reason}`;
  const facts = { tool, version, targets: targets.length, pinned: pinned.length, installState: install.state };
  return [finding({ group: 'toolcrib', subject: 'tool', state: 'ok', text, facts })];
}

/** An engine that somebody points to has to be there. */
function engineProbe(scheme: 'docker' | 'podman', { host, config }: ProbeContext): Probe {
  const { env, offline } = host;
  const variables =
    scheme === 'docker' ? ['DOCKER_HOST', 'DOCKER_CONTEXT'] : ['CONTAINER_HOST', 'CONTAINER_CONNECTION'];
  const isPointedTo = variables.some((name) => env[name] !== undefined && env[name] !== '');
  const isUsed = scheme === 'docker' && (config?.build?.driver === 'docker' || (config?.images ?? []).length > 0);
  return {
    ...{ group: 'engines', subject: scheme, failsAs: isPointedTo ? 'failed' : isUsed ? 'warning' : 'note' },
    look: async (signal) => {
      const { describeEngine } = await import('../sandboxes/docker/describe-engine.ts');
      const options = { env, scheme, offline, signal, patience: ENGINE_PATIENCE_MS };
      return engineFindings(scheme, await describeEngine(options));
    },
  };
}

function networkProbes(host: Host): readonly Probe[] {
  const { env } = host;
  const files = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'].flatMap((name) => {
    const path = env[name];
    return path === undefined || path === '' ? [] : [{ name, path }];
  });
  return [
    {
      ...{ group: 'network', subject: 'proxy', failsAs: 'failed' },
      look: async () => {
        await transferOptions({ ...host, env: { ...env, SSL_CERT_FILE: undefined } }); // refuses what names no proxy
        return proxyFindings(env);
      },
    },
    ...files.map(({ name, path }): Probe => ({
      ...{ group: 'network', subject: name, failsAs: 'failed' },
      look: () => examineAuthorities(name, path),
    })),
  ];
}

async function mountProbe(host: Host): Promise<readonly Finding[]> {
  const isLinuxRoot = process.platform === 'linux' && process.geteuid?.() === 0;
  return [mountFinding(host.cacheDirectory, { isLinuxRoot, refusal: await treesOf(host).refusal() })];
}

function localProbes(host: Host): readonly Probe[] {
  const path = pathOf(host);
  const own = archFrom(process.arch);
  return [
    { group: 'local', subject: 'bubblewrap', failsAs: 'note', look: (signal) => examineBubblewrap(path, signal) },
    {
      ...{ group: 'local', subject: 'emulation', failsAs: 'note' },
      look: async () => emulationFindings(own, await readTranslators()),
    },
    {
      ...{ group: 'recording', subject: 'kernel', failsAs: 'note' },
      look: async () => kernelFindings(await readKernelFacts()),
    },
    { group: 'recording', subject: 'tracer', failsAs: 'note', look: tryTracer },
    { group: 'recording', subject: 'strace', failsAs: 'note', look: (signal) => examineStrace(path, signal) },
  ];
}

async function tryTracer(): Promise<readonly Finding[]> {
  const { probeTracer } = await import('../run/observe/tracer/probe.ts');
  return tracerFindings(await probeTracer());
}

function pathOf({ env }: Host): string {
  return env['PATH'] ?? '';
}
