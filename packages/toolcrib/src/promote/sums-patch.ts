/**
 * The change of one text file as `git apply` takes it: everything out, everything in.
 * @param path from the top of the repository, with slashes.
 * @param before undefined: there is no such file yet.
 * @returns '' when nothing changes.
 */
export function formatPatch(path: string, before: string | undefined, after: string): string {
  if (before === after) return '';
  const [from, to] = [quoted(`a/${path}`), quoted(`b/${path}`)];
  const [out, into] = [linesOf(before ?? ''), linesOf(after)];
  const head = [
    `diff --git ${from} ${to}`,
    ...(before === undefined ? ['new file mode 100644'] : []),
    `--- ${before === undefined ? '/dev/null' : terminated(from)}`,
    `+++ ${terminated(to)}`,
    `@@ -${range(out.length)} +${range(into.length)} @@`,
  ];
  return `${[...head, ...out.map((line) => `-${line}`), ...into.map((line) => `+${line}`)].join('\n')}\n`;
}

/** Lines without their newline; one that has none says so below itself, in git's words. */
function linesOf(text: string): readonly string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  const last = lines.pop();
  return last === '' || last === undefined ? lines : [...lines, `${last}\n\\ No newline at end of file`];
}

function range(lines: number): string {
  return lines === 0 ? '0,0' : `1,${lines}`;
}

/** Names that are more than letters stand in C's quotes, bytes beyond ASCII as octal numbers: git-diff(1), core.quotePath. */
function quoted(path: string): string {
  if (/^[\x20-\x7e]*$/.test(path) && !/["\\]/.test(path)) return path;
  const bytes = [...Buffer.from(path)].map((byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    if (byte >= 0x20 && byte <= 0x7e) return String.fromCharCode(byte);
    return `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return `"${bytes.join('')}"`;
}

/** A name with a blank ends with a tab, or what follows it could be a date. */
function terminated(path: string): string {
  return path.includes(' ') && !path.startsWith('"') ? `${path}\t` : path;
}
