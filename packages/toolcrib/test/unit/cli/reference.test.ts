import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { describeProgram } from '../../../src/cli/reference.ts';

const { program } = await createProgram({ abort: new AbortController().signal, subscribe: () => () => undefined });
const withChildren = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(withChildren)];
const commands = withChildren(program);

test('docs/cli.md is what the program says of itself', async () => {
  const text = readFileSync(new URL('../../../../../docs/cli.md', import.meta.url), 'utf8');
  expect(text, 'scripts/node scripts/generate-cli-docs.mjs writes it').toBe(await describeProgram());
});

test.each([
  'toolcrib run [options] -- COMMAND...',
  'toolcrib exec [options] SANDBOX -- ARGS...',
  'toolcrib inject [options] [SANDBOX...]',
  'toolcrib ext secrets [options] AGENTS...',
  'toolcrib archive report [options] FILE [BASE]',
])('docs/cli.md writes what is optional in brackets, and -- only before other command lines: %s', async (usage) => {
  expect(await describeProgram()).toContain(`\n\`${usage}\`\n`);
});

describe.each(commands.map((command) => [command.name(), command] as const))('the help of %s', (_, command) => {
  test('fits into 80 columns', () => {
    const long = command
      .helpInformation()
      .split('\n')
      .filter((line) => line.length > 80);
    expect(long).toEqual([]);
  });

  test('describes every option, shows no value of the program itself, and no option twice', () => {
    const help = command.helpInformation();
    expect(help).not.toMatch(/default: [[{]/);
    for (const { flags, description } of command.options) {
      expect(description, flags).not.toBe('');
      expect(help.split(`  ${flags} `)).toHaveLength(2);
    }
  });
});
