/**
 * What acts upon a terminal, parts lines, turns the direction of a text around or is not seen: Unicode's controls (C0, C1),
 * formats (bidirectional ones, blanks of no width, tags), surrogates, private and unassigned code points, its separators of
 * lines and paragraphs, and what fonts leave out (Unicode Standard, 4.5 "General Category", 5.21 "Default Ignorable").
 */
const hidden = () => /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Nearly every text, and known to be so in no time: those classes of Unicode take a millisecond to be put together. */
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * Somebody else's text on one line that does nothing and hides nothing: such characters become escapes as in JavaScript
 * strings. This is the one alphabet of what is shown; what was made printable stays as it is.
 */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replaceAll(hidden(), (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same for a text whose newlines are meant. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** JSON that says the same in the same alphabet. */
export function printableJson(json: string): string {
  if (PLAIN.test(json)) return json;
  return json.replaceAll(hidden(), (character) =>
    Array.from({ length: character.length }, (_, unit) => {
      return `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}

/**
 * Of what a stranger wrote enough to recognise it, as a JSON string in that alphabet.
 * @param most characters of it.
 */
export function quoted(text: string, most = 200): string {
  return printableJson(JSON.stringify(text.slice(0, most)));
}
