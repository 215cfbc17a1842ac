import { shortDigest } from './size.ts';
import { wrap } from './width.ts';

/** What a person is told about an injection: the result of `injectTool` fits it. */
export interface InjectionFacts {
  readonly placement: {
    readonly sandbox: string;
    readonly tool: string;
    readonly version: number;
    readonly target: string;
    readonly digest: string;
    readonly directory: string;
    readonly rung: string;
    readonly protection: string;
    readonly why: string;
    readonly readBack: string;
    readonly reused: boolean;
    readonly plan: readonly {
      readonly rung: string;
      readonly parent: string;
      readonly usable: boolean;
      readonly reason: string;
    }[];
  };
  readonly resolution: {
    readonly tier: string;
    /** True: a local build that no pin vouches for. */
    readonly dev: boolean;
  } | null;
}

const WIDTH = 80;

/** The text of `inject`: what is where, how it got there, what was proven, and against whom that holds. */
export function describeInjection(injection: InjectionFacts): string {
  const { placement, resolution } = injection;
  const { sandbox, target, directory, rung, protection, why, reused, plan } = placement;
  const rejected = plan.filter(({ usable }) => !usable);
  return [
    `${describeVersion(injection)} (${target}, ${shortDigest(placement.digest)}) is in ${sandbox}`,
    `  where       ${directory}`,
    ...field('  how', `${reused ? 'it was there already' : howText(sandbox, rung)}${sourceText(resolution)}`),
    `  proven      every byte read ${readBackText(placement)}; it answered its health check`,
    ...field('  protection', `${protection}: ${why}`),
    ...rejected.flatMap(({ rung: way, parent, reason }) => field('  not used', `${way} in ${parent}: ${reason}`)),
    '',
  ].join('\n');
}

/** What a person is told about a component in a sandbox: the result of `injectExtension` fits it. */
export interface PlacedComponentFacts {
  readonly extension: string;
  readonly sandbox: string;
  readonly digest: string;
  readonly path: string;
  readonly rung: string;
  readonly protection: string;
  readonly why: string;
  readonly readBack: string;
  readonly reused: boolean;
}

/** The text of `ext inject`: as that of `inject`, of a file that nothing can ask whether it runs. */
export function describePlacedComponent(placed: PlacedComponentFacts): string {
  const { extension, sandbox, digest, path, rung, protection, why, reused } = placed;
  return [
    `the component of ${extension} (${shortDigest(digest)}) is in ${sandbox}`,
    `  where       ${path}`,
    ...field('  how', reused ? 'it was there already' : howText(sandbox, rung)),
    `  proven      every byte read ${readBackText(placed)}; it is no program that is started`,
    ...field('  protection', `${protection}: ${why}`),
    '',
  ].join('\n');
}

/** Tool and version; those of a local build as the name of its artifact has them. */
export function describeVersion({ placement: { tool, version }, resolution }: InjectionFacts): string {
  return `${tool} v${version}${resolution?.dev === true ? '-dev' : ''}`;
}

function sourceText(resolution: InjectionFacts['resolution']): string {
  if (resolution === null) return '';
  const { tier, dev } = resolution;
  return `; artifact from the tier "${tier}"${dev ? ', a local build that no pin vouches for' : ''}`;
}

function howText(sandbox: string, rung: string): string {
  if (isLocal(sandbox)) return 'written by toolcrib itself';
  const words: Readonly<Record<string, string>> = {
    mount: 'it was mounted when the sandbox was made',
    overlay: 'the tree on this host was mounted, read-only; nothing was copied',
    archive: "through the engine's archive API",
    namespace: "written from this host, through the container's mount namespace",
    'exec-tar': "streamed into the sandbox's tar",
    'exec-cat': "streamed into the sandbox's cat",
  };
  return words[rung] ?? rung;
}

function readBackText({
  sandbox,
  rung,
  readBack,
}: Pick<PlacedComponentFacts, 'sandbox' | 'rung' | 'readBack'>): string {
  if (rung === 'overlay') return 'in the tree on this host';
  if (isLocal(sandbox)) return 'back from the disk';
  if (readBack === 'host') return "back from this host, through the container's mount namespace";
  return readBack === 'engine' ? 'back through the engine' : "back through the sandbox's own programs";
}

/** There is no engine between toolcrib and a directory. */
function isLocal(sandbox: string): boolean {
  return sandbox.startsWith('local:');
}

function field(label: string, text: string): readonly string[] {
  const lines = wrap(text, WIDTH - 14);
  return lines.map((line, index) => (index === 0 ? label : '').padEnd(14) + line);
}
