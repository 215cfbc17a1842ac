import type { Argument, Command, Option } from 'commander';
import { createProgram } from './program.ts';

/** The reference of the command line as Markdown, from the program itself. */
export async function describeProgram(): Promise<string> {
  const { program } = await createProgram({ abort: new AbortController().signal, subscribe: () => () => undefined });
  const commands = leavesOf(program, []).map(([name, command]) => describeCommand(name, command));
  return [
    '# Command line',
    'Written by `scripts/generate-cli-docs.mjs` from the program itself.',
    'stdout carries data, stderr carries progress and messages. Exit codes: [exit-codes.md](exit-codes.md).',
    '## Before or after every command',
    describeOptions(program.options.filter(({ long }) => long !== '--version')),
    ...commands,
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');
}

function leavesOf(command: Command, names: readonly string[]): readonly (readonly [string, Command])[] {
  const path = [...names, command.name()];
  if (command.commands.length === 0) return [[path.join(' '), command]];
  return command.commands.flatMap((child) => leavesOf(child, path));
}

function describeCommand(name: string, command: Command): string {
  const words = command.registeredArguments.map(argumentText).join(' ');
  const options = command.options.length === 0 ? '' : ' [options]';
  const parts = [
    `## \`${name}\``,
    `\`${[`${name}${options}`, words].join(' ').trim()}\``,
    sentence(command.description()),
  ];
  if (command.options.length > 0) parts.push(describeOptions(command.options));
  return parts.join('\n\n');
}

/** As help says it; before what is the command line of another program, `--` has to stand. */
function argumentText(argument: Argument): string {
  const name = `${argument.name().toUpperCase()}${argument.variadic ? '...' : ''}`;
  if (!argument.required) return `[${name}]`;
  return argument.description.includes('after --') ? `-- ${name}` : name;
}

function describeOptions(options: readonly Option[]): string {
  const rows = options.map(({ flags, description }) => `| \`${flags}\` | ${description} |`);
  return ['| option | meaning |', '| --- | --- |', ...rows].join('\n');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
