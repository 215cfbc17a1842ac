import { access, readFile } from 'node:fs/promises';
import { finding, type Finding } from './finding.ts';
import { askProgram, versionIn } from './programs.ts';

/** What the kernel lets this process see of others. */
export interface KernelFacts {
  /** Effective capabilities of this process that tracing needs, e.g. `CAP_BPF`. */
  readonly capabilities: readonly string[];
  /** Whether the kernel tells its own types. */
  readonly btf: boolean;
  /** `none`, `integrity`, `confidentiality`; null where the kernel does not tell. */
  readonly lockdown: string | null;
  /** `kernel.unprivileged_bpf_disabled`; null where it is not there. */
  readonly unprivilegedBpfDisabled: string | null;
  /** `kernel.perf_event_paranoid`. */
  readonly perfEventParanoid: string | null;
  /** `kernel.yama.ptrace_scope`. */
  readonly ptraceScope: string | null;
}

/** Bits of capabilities(7). */
const CAPABILITIES: readonly (readonly [name: string, bit: bigint])[] = [
  ['CAP_SYS_PTRACE', 19n],
  ['CAP_SYS_ADMIN', 21n],
  ['CAP_PERFMON', 38n],
  ['CAP_BPF', 39n],
];

/** Names of the capabilities in `CapEff` of `/proc/PID/status` that tracing needs; none when it is not there. */
export function capabilitiesIn(status: string): readonly string[] {
  const mask = /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status)?.[1];
  if (mask === undefined) return [];
  return CAPABILITIES.filter(([, bit]) => ((BigInt(`0x${mask}`) >> bit) & 1n) === 1n).map(([name]) => name);
}

/** The chosen one of `none [integrity] confidentiality`; null when there is none. */
export function lockdownIn(text: string | undefined): string | null {
  return /\[(\w+)\]/.exec(text ?? '')?.[1] ?? null;
}

export async function readKernelFacts(): Promise<KernelFacts> {
  const setting = async (name: string) => (await readKernelFile(`/proc/sys/kernel/${name}`))?.trim() ?? null;
  return {
    capabilities: capabilitiesIn((await readKernelFile('/proc/self/status')) ?? ''),
    btf: await access('/sys/kernel/btf/vmlinux').then(
      () => true,
      () => false,
    ),
    lockdown: lockdownIn(await readKernelFile('/sys/kernel/security/lockdown')),
    unprivilegedBpfDisabled: await setting('unprivileged_bpf_disabled'),
    perfEventParanoid: await setting('perf_event_paranoid'),
    ptraceScope: await setting('yama/ptrace_scope'),
  };
}

/** Files of the kernel are small, and say that they are empty. */
async function readKernelFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch {
    return undefined; // no Linux, or not for this user
  }
}

/** What the tracer needs of this machine: seen, not tried. */
export function kernelFindings(kernel: KernelFacts): readonly Finding[] {
  const { capabilities, btf, lockdown } = kernel;
  const mayLoad =
    capabilities.includes('CAP_SYS_ADMIN') || ['CAP_BPF', 'CAP_PERFMON'].every((name) => capabilities.includes(name));
  const seen = [
    capabilities.length === 0 ? 'no capability for tracing' : capabilities.join(', '),
    btf ? 'the kernel tells its types (BTF)' : 'the kernel does not tell its types (BTF)',
    lockdown === null ? 'lockdown is not told' : `lockdown is "${lockdown}"`,
  ].join('; ');
  const usable = mayLoad && btf && lockdown !== 'confidentiality';
  const facts = { ...kernel };
  const what = usable ? 'what eBPF needs is there' : 'eBPF cannot be used';
  const remedy = usable ? null : remedyFor(mayLoad, btf);
  return [
    finding({
      group: 'recording',
      subject: 'kernel',
      state: usable ? 'ok' : 'note',
      text: `${what}: ${seen}`,
      remedy,
      facts,
    }),
  ];
}

function remedyFor(mayLoad: boolean, btf: boolean): string {
  if (!mayLoad) return 'run as root, or with CAP_BPF and CAP_PERFMON';
  return btf ? 'boot without lockdown=confidentiality' : 'use a kernel that was built with CONFIG_DEBUG_INFO_BTF';
}

/** What came of trying the tracer. */
export type TracerTrial = { readonly tracer: string } | { readonly reason: string };

/** Whether the tracer observes here. @param trial it was loaded and has seen a call, or why not. */
export function tracerFindings(trial: TracerTrial): readonly Finding[] {
  const common = { group: 'recording', subject: 'tracer' } as const;
  if ('tracer' in trial) {
    const text = 'it was loaded into the kernel for a moment, and saw a call';
    return [finding({ ...common, state: 'ok', text, facts: { tracer: trial.tracer } })];
  }
  const remedy = 'without it runs are recorded by strace, where that is installed';
  return [finding({ ...common, state: 'note', text: trial.reason, remedy })];
}

/** Whether strace is there, which records where eBPF cannot. */
export async function examineStrace(path: string, signal: AbortSignal): Promise<readonly Finding[]> {
  const answer = await askProgram(['strace', '--version'], path, signal);
  const common = { group: 'recording', subject: 'strace' } as const;
  if (answer.kind !== 'answered') {
    return [
      finding({
        ...common,
        state: 'note',
        text: 'it is not installed',
        remedy: 'install strace, where eBPF cannot be used',
      }),
    ];
  }
  const version = versionIn(answer.said) ?? null;
  return [finding({ ...common, state: 'ok', text: `strace ${version ?? ''}`.trim(), facts: { version } })];
}
