import { isAtOrBelow } from './below.ts';

/** One line of a table of mounts: proc_pid_mountinfo(5). */
export interface MountLine {
  readonly id: bigint;
  readonly parent: bigint;
  /** Major number in the upper 32 bits, minor number in the lower. */
  readonly device: bigint;
  /** The directory of its file system that is mounted; ends with `//deleted` when that is gone. */
  readonly root: string;
  /** Where it is mounted, as the process sees it. */
  readonly path: string;
  readonly isReadOnly: boolean;
  /** Whether programs can be started from it. */
  readonly isExecutable: boolean;
  /** Whether what is mounted below it comes to other mount namespaces, too. */
  readonly isShared: boolean;
  /** Paths of what an overlay shows, the upper ones first, as who mounted it named them; none for other file systems. */
  readonly layers: readonly string[];
}

/** The lines of a table in their order; what is none is left out. */
export function mountLinesFrom(table: string): readonly MountLine[] {
  return table.split('\n').flatMap((line) => lineFrom(line) ?? []);
}

/** The kernel separates by one space, and writes its own white space otherwise; what else is white space to a script is part of a name. */
const LINE =
  /^(?<id>\d+) (?<parent>\d+) (?<major>\d+):(?<minor>\d+) (?<root>[^ ]+) (?<path>[^ ]+) (?<options>[^ ]+)(?<tags>(?: [^ ]+)*?) - (?<type>[^ ]+) [^ ]* (?<super>[^ ]+)/;

function lineFrom(line: string): MountLine | undefined {
  const groups = LINE.exec(line)?.groups;
  if (groups === undefined) return undefined;
  const { id = '', parent = '', major = '', minor = '', root = '', path = '', options = '', tags = '', type } = groups;
  return {
    id: BigInt(id),
    parent: BigInt(parent),
    device: (BigInt(major) << 32n) | BigInt(minor),
    root: unescaped(root),
    path: unescaped(path),
    isReadOnly: options.split(',').includes('ro'),
    isExecutable: !options.split(',').includes('noexec'),
    isShared: / shared:/.test(tags),
    layers: type === 'overlay' ? layersFrom(groups['super'] ?? '') : [],
  };
}

function layersFrom(options: string): readonly string[] {
  const valueOf = (key: string) =>
    options
      .split(',')
      .find((option) => option.startsWith(`${key}=`))
      ?.slice(key.length + 1);
  const [upper, lower] = [valueOf('upperdir'), valueOf('lowerdir')];
  return [
    ...(upper === undefined ? [] : [unescaped(upper)]),
    ...(lower === undefined ? [] : lowerFrom(unescaped(lower))),
  ];
}

/** A backslash before a colon, which separates names otherwise, or before another character makes it part of a name. */
function lowerFrom(value: string): readonly string[] {
  const names = value.match(/(?:[^:\\]|\\.)+/gs) ?? [];
  return names.map((name) => name.replaceAll(/\\(.)/gs, '$1'));
}

/** Bytes, since the table was read as such: a space, a tab, a newline and a backslash are written as `\040` and the like. */
function unescaped(text: string): string {
  const bytes = text.replaceAll(/\\(?<octal>[0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** The mount in which a path is, whether or not something stands there; of several at one place, the one on top. */
export function mountAbove(lines: readonly MountLine[], path: string): MountLine | undefined {
  return lines.reduce<MountLine | undefined>(
    (deepest, line) =>
      isAtOrBelow(path, line.path) && (deepest === undefined || line.path.length >= deepest.path.length)
        ? line
        : deepest,
    undefined,
  );
}

/** The path of a directory in its file system. */
export function rootWithin(lines: readonly MountLine[], path: string): string | undefined {
  const mount = mountAbove(lines, path);
  const below = path.slice(mount === undefined || mount.path === '/' ? 0 : mount.path.length);
  return mount && (mount.root === '/' ? below || '/' : `${mount.root}${below === '/' ? '' : below}`);
}

/** From the C library's number to major and minor, by makedev(3). */
export function deviceFrom(dev: bigint): bigint {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return (major << 32n) | minor;
}
