import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createCallBook, type CallBook } from '../../../src/shims/gemini-calls.ts';
import { answersIn, answersOf, callsIn } from '../../../src/shims/gemini-content.ts';
import { isName, type SdkEventLog } from '../../../src/shims/sdk-event-log.ts';

/** A book, and what it told. */
function bookOf(): { readonly book: CallBook; readonly told: readonly string[] } {
  const told: string[] = [];
  const ids = new Map<unknown, string>();
  const events: SdkEventLog = {
    toolCallStarted: (_sdk, call) => void told.push(`started ${call.id} ${call.tool}`),
    toolCallCompleted: (_sdk, call) => void told.push(`completed ${call.id} ${call.tool}`),
    runFinished: () => undefined,
    runFailed: () => undefined,
    idOf(call, id) {
      if (isName(id)) return id;
      ids.set(call, ids.get(call) ?? `made-${ids.size}`);
      return ids.get(call) ?? '';
    },
  };
  return { book: createCallBook(events, { name: null, version: null }), told };
}

const call = (name: string | undefined, id?: string) => ({
  functionCall: { name, args: {}, ...(id !== undefined && { id }) },
});
const answer = (name: string, id?: string) => ({
  functionResponse: { name, response: {}, ...(id !== undefined && { id }) },
});
const response = (...parts: readonly object[]) => ({ candidates: [{ content: { role: 'model', parts } }] });
const user = (...parts: readonly object[]) => ({ role: 'user', parts });

describe('calls of functions in what Gemini is told and says', () => {
  test('are found in a response, in its first candidate alone', () => {
    const said = {
      candidates: [...response({ text: 'x' }, call('a', '1'), call('b')).candidates, response(call('c')).candidates[0]],
    };
    expect(callsIn(said).map(({ id, name }) => [id, name])).toEqual([
      ['1', 'a'],
      [undefined, 'b'],
    ]);
  });

  test('have their answers in any form of contents, and it is known which are new', () => {
    const isLast = (contents: unknown) => answersIn(contents).map((one) => [one.name, one.isLast]);
    expect(isLast('text')).toEqual([]);
    expect(isLast(answer('a'))).toEqual([['a', true]]);
    expect(isLast(user(answer('a'), { text: 'x' }))).toEqual([['a', true]]);
    expect(isLast(['text', answer('a'), answer('b')])).toEqual([
      ['a', true],
      ['b', true],
    ]);
    expect(isLast([user(answer('a')), user(answer('b'), answer('c'))])).toEqual([
      ['a', false],
      ['b', true],
      ['c', true],
    ]);
  });

  test('are told once, however often a response or a copy of it is met', () => {
    const { book, told } = bookOf();
    const said = response(call('a', '1'));
    for (const one of [said, said, structuredClone(said)]) callsIn(one).forEach(book.started);
    expect(told).toEqual(['started 1 a']);
  });

  test('in pieces are told by the first, which has the name', () => {
    const { book, told } = bookOf();
    for (const part of [call('a'), call(undefined), call('')]) callsIn(response(part)).forEach(book.started);
    expect(told).toEqual(['started made-0 a']);
  });

  test('are completed by an answer with their id, wherever it stands, and only once', () => {
    const { book, told } = bookOf();
    callsIn(response(call('a', '1'), call('a', '2'))).forEach(book.started);
    const history = [user(answer('a', '2')), user({ text: 'more' })];
    for (const contents of [history, history]) answersIn(contents).forEach(book.answered);
    expect(told).toEqual(['started 1 a', 'started 2 a', 'completed 2 a']);
  });

  test('without an id are completed by new answers of their name, the oldest first', () => {
    const { book, told } = bookOf();
    callsIn(response(call('a'), call('b'), call('a'))).forEach(book.started);
    answersIn([user(answer('a')), user(answer('b'))]).forEach(book.answered);
    answersOf([answer('a')]).forEach(book.answered);
    expect(told.slice(3)).toEqual(['completed made-1 b', 'completed made-0 a']);
  });

  test('are never completed before they started, nor twice', () => {
    const name = fc.constantFrom('a', 'b');
    const id = fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined });
    const step = fc.tuple(fc.boolean(), name, id);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const { book, told } = bookOf();
        for (const [isCall, tool, key] of steps) {
          if (isCall) callsIn(response(call(tool, key))).forEach(book.started);
          else answersOf([answer(tool, key)]).forEach(book.answered);
        }
        const open = new Set<string>();
        for (const line of told) {
          const [what, which = ''] = line.split(' ');
          expect(open.has(which)).toBe(what === 'completed');
          if (what === 'started') open.add(which);
          else open.delete(which);
        }
      }),
    );
  });

  test('are looked for in whatever it is without an error', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const { book } = bookOf();
        callsIn(value).forEach(book.started);
        answersIn(value).forEach(book.answered);
        answersOf(value).forEach(book.answered);
      }),
    );
  });
});
