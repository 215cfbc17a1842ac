/** A fenced block of a document, with the comment before it that tells what it is. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Of `<!-- file: PATH -->`. */
  readonly file: string | undefined;
  /** Of `<!-- test: NAME -->`. */
  readonly test: string | undefined;
}

/** The part of a document below a heading of the second level, up to the next one. */
export function sectionOf(document: string, heading: string): string {
  const section = document.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`there is no heading ${heading}`);
  return section;
}

/** Every fenced block, in order. */
export function blocksOf(markdown: string): readonly Block[] {
  const pattern = /(?:<!-- (?<kind>file|test): (?<name>[^\n]+) -->\n\n)?```(?<language>\w+)\n(?<text>[^]*?)^```$/gm;
  return [...markdown.matchAll(pattern)].map(({ groups = {} }) => ({
    language: groups['language'] ?? '',
    text: groups['text'] ?? '',
    file: groups['kind'] === 'file' ? groups['name'] : undefined,
    test: groups['kind'] === 'test' ? groups['name'] : undefined,
  }));
}

/** The block that a document marks as `<!-- test: NAME -->`. */
export function testedBlock(markdown: string, name: string): string {
  const block = blocksOf(markdown).find(({ test }) => test === name);
  if (block === undefined) throw new Error(`there is no block <!-- test: ${name} -->`);
  return block.text;
}
