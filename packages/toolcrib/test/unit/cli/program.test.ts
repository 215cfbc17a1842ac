import { expect, test } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';

const signals = { abort: new AbortController().signal, subscribe: () => () => undefined };

async function commandsFor(...argv: string[]): Promise<readonly string[]> {
  const { program } = await createProgram(signals, argv);
  return program.commands.map((command) => command.name());
}

test('only the command that is called is loaded', async () => {
  expect(await commandsFor('resolve', '--target', 'amd64')).toEqual(['resolve']);
  expect(await commandsFor('--json', '--config=inject', 'status')).toEqual(['status']);
});

test.each([
  ['nothing is called', []],
  ['help is asked for', ['--help', 'resolve']],
  ['help is asked for by its short name', ['-h', 'resolve']],
  ['a command is asked for help about another', ['help', 'resolve']],
  ['a file has the name of a command', ['--config', 'resolve', 'status']],
  ['there is no such command', ['resolv']],
  ['a word is a property of every object', ['constructor']],
])('all commands are there when %s', async (_case, argv) => {
  expect(await commandsFor(...argv)).toEqual(await commandsFor());
  expect(await commandsFor(...argv)).toEqual(expect.arrayContaining(['resolve', 'status', 'init']));
});
