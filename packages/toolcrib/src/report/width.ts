/** At most `width` characters; what was cut off is shown by `...`. */
export function truncate(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 3 ? text.slice(0, Math.max(0, width)) : `${text.slice(0, width - 3)}...`;
}

/** Lines of at most `width` characters, broken at blanks; words that are longer are broken where they must be. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((part) => pieces(part, width))) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** As {@link wrap}, every line after `indent`, which counts. */
export function wrapIndented(text: string, width: number, indent: string): readonly string[] {
  return wrap(text, width - indent.length).map((line) => indent + line);
}

function pieces(word: string, width: number): readonly string[] {
  const size = Math.max(1, width);
  return Array.from({ length: Math.ceil(word.length / size) }, (_, index) =>
    word.slice(index * size, (index + 1) * size),
  );
}
