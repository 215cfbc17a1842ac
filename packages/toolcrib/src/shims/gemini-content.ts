import { property } from './observed-function.ts';

/** A function call or its answer, as it stands in a part of a content. */
export interface FunctionPart {
  /** The SDK's own object. */
  readonly object: object;
  readonly id: unknown;
  readonly name: unknown;
}

/** An answer to a call, in what is sent to the model. */
export interface Answer extends FunctionPart {
  /** It stands in what was said last; before that stand answers that the model knows already. */
  readonly isLast: boolean;
}

/** The calls in a response, or in a piece of one. Other candidates than the first are not acted upon by the SDK either. */
export function callsIn(response: unknown): readonly FunctionPart[] {
  const [candidate] = listOf(property(response, 'candidates'));
  return functionParts(listOf(property(property(candidate, 'content'), 'parts')), 'functionCall');
}

/** The answers in the `contents` of a request: a text, a part, a content, or a list of parts or contents. */
export function answersIn(contents: unknown): readonly Answer[] {
  const list = Array.isArray(contents) ? listOf(contents) : [contents];
  return list.flatMap((item, index) => {
    const parts = property(item, 'parts');
    // Parts in a list are one content.
    const isLast = parts === undefined || index === list.length - 1;
    return functionParts(parts === undefined ? [item] : listOf(parts), 'functionResponse').map((part) => ({
      ...part,
      isLast,
    }));
  });
}

/** The answers that a tool returned: parts. */
export function answersOf(parts: unknown): readonly Answer[] {
  return functionParts(listOf(parts), 'functionResponse').map((part) => ({ ...part, isLast: true }));
}

/** A call as the SDK hands it to a tool. */
export function callOf(object: unknown): FunctionPart | undefined {
  if (typeof object !== 'object' || object === null) return undefined;
  return { object, id: property(object, 'id'), name: property(object, 'name') };
}

function functionParts(parts: readonly unknown[], kind: 'functionCall' | 'functionResponse'): readonly FunctionPart[] {
  return parts.flatMap((part) => callOf(property(part, kind)) ?? []);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
