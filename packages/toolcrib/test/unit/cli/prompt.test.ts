import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createBuildDialogue, dialogueOn } from '../../../src/cli/prompt.ts';
import type { BuildQuestion } from '../../../src/flows/local-builder.ts';

const QUESTION: BuildQuestion = {
  name: 'demo-amd64-any-v2',
  command: 'toolcrib build --target amd64-any',
  runs: 'sh -c "make"',
  folder: '/project',
  defaultsToYes: false,
};

/** What a person who types this is asked, and what came of it. */
async function answering(
  typed: string,
  question: Partial<BuildQuestion> = {},
): Promise<{ yes: boolean; asked: string }> {
  const input = new PassThrough();
  const output = new PassThrough();
  input.end(typed);
  const yes = await createBuildDialogue({ input, output }).ask({ ...QUESTION, ...question }, { signal: undefined });
  return { yes, asked: String(output.read()) };
}

describe('the question whether to build', () => {
  test('shows what would run, and where', async () => {
    const { asked } = await answering('n\n');
    expect(asked).toBe(
      [
        'Executable demo-amd64-any-v2 not found. Build locally?',
        '  $ toolcrib build --target amd64-any',
        '  runs in /project: sh -c "make"',
        '[y/N] ',
      ].join('\n'),
    );
  });

  test('hides nothing of what would run', async () => {
    const { asked } = await answering('n\n', { runs: 'make # \u202e\n\u001b[2K' });
    expect(asked).toContain(String.raw`make # \u{202e}\x0a\x1b[2K`);
  });

  test.each([
    ['y\n', false, true],
    [' YES \n', false, true],
    ['n\n', true, false],
    ['No\n', true, false],
    ['\n', true, true],
    ['\n', false, false],
    ['', true, false],
    ['what?\ny\n', false, true],
    ['what?\n', true, false],
  ])('takes %j, where the default is %j, for %j', async (typed, defaultsToYes, expected) => {
    expect((await answering(typed, { defaultsToYes })).yes).toBe(expected);
  });

  test('is asked again when the answer is none', async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    const answer = createBuildDialogue({ input, output }).ask(QUESTION, { signal: undefined });
    input.write('perhaps\ny\n');
    expect(await answer).toBe(true);
    expect(String(output.read()).split('[y/N] ')).toHaveLength(3);
  });

  test('ends with the reason of who interrupts it', async () => {
    const reason = new Error('enough');
    const stop = new AbortController();
    const dialogue = createBuildDialogue({ input: new PassThrough(), output: new PassThrough() });
    const answer = dialogue.ask(QUESTION, { signal: stop.signal });
    stop.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });

  const terminal = (isTTY: boolean): PassThrough => Object.assign(new PassThrough(), { isTTY });

  test.each([
    ['stdin is no terminal', false, true, false, {}],
    ['stderr is no terminal', true, false, false, {}],
    ['a program reads the answer', true, true, true, {}],
    ['it is CI', true, true, false, { CI: 'true' }],
  ])('is not asked when %s', (_, stdin, stderr, json, env) => {
    expect(dialogueOn({ input: terminal(stdin), output: terminal(stderr) }, { json, env })).toBeUndefined();
  });

  test('is asked on a terminal', () => {
    expect(dialogueOn({ input: terminal(true), output: terminal(true) }, { json: false, env: {} })).toBeDefined();
  });
});
