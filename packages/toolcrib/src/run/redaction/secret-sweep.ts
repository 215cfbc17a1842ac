import { mayHoldSecret, secretRuleIn } from './secret-shapes.ts';

/**
 * Looks for shapes in a piece of JSON that is finished. What stands in its strings counts: escapes can hide a shape in
 * the text (`\u0073k-…`) or make one that is not there (`token:\n…`).
 * @param json one document or line.
 * @param parsed the same, parsed.
 * @returns the rule of a shape that is still there; undefined when it is clean.
 */
export function sweepJson(json: string, parsed: unknown): string | undefined {
  // A quote is no word character: a string without escapes that has a shape has it in the whole text too.
  if (!json.includes('\\') && !mayHoldSecret(json)) return undefined;
  return sweepValue(parsed);
}

/**
 * Looks for shapes in lines of JSON, like {@link sweepJson} in each.
 * @param lines whole ones, each ended by `\n`. The end of a line is no part of a shape: a `}` stands before it.
 */
export function sweepLines(lines: string): string | undefined {
  if (!lines.includes('\\') && !mayHoldSecret(lines)) return undefined;
  for (const line of lines.split('\n')) {
    const rule = line === '' || isPlain(line) ? undefined : sweepJson(line, JSON.parse(line));
    if (rule !== undefined) return rule;
  }
  return undefined;
}

function isPlain(line: string): boolean {
  return !line.includes('\\') && !mayHoldSecret(line);
}

function sweepValue(value: unknown): string | undefined {
  if (typeof value === 'string') return secretRuleIn(value);
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const rule = (Array.isArray(value) ? undefined : secretRuleIn(key)) ?? sweepValue(inner);
    if (rule !== undefined) return rule;
  }
  return undefined;
}
