import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cliEnvironment, toolcrib, TOOLCRIB, type CliEnd } from '../cli/command-line.ts';

/** Where command lines of a test file are run: a project, and a cache of their own. */
export interface CommandSite extends AsyncDisposable {
  readonly project: string;
  /** Runs a command line in the project. */
  run(...args: readonly string[]): Promise<CliEnd>;
  /** Runs a command line that has to succeed, with one JSON document as its answer. */
  json(...args: readonly string[]): Promise<unknown>;
  /** Calls the `bash` tool through `toolcrib mcp ARGS` with the official client. */
  bash(command: string, ...args: readonly string[]): Promise<string>;
}

/** @param project where the command lines are typed. */
export async function commandSite(project: string): Promise<CommandSite> {
  const cache = await mkdtemp(join(tmpdir(), 'toolcrib-cache-'));
  const env = { TOOLCRIB_CACHE_DIR: cache };
  const run = (...args: readonly string[]) => toolcrib(args, { cwd: project, env });
  return {
    project,
    run,
    async json(...args) {
      const end = await run('--json', ...args);
      if (end.code !== 0) throw new Error(`toolcrib ${args.join(' ')} exited with ${end.code ?? ''}: ${end.stdout}`);
      const answer: unknown = JSON.parse(end.stdout);
      return answer;
    },
    async bash(command, ...args) {
      const [node = '', ...cli] = TOOLCRIB;
      const server = { command: node, args: [...cli, 'mcp', ...args], cwd: project, env: cliEnvironment(project, env) };
      const client = new Client({ name: 'test', version: '1' });
      await client.connect(new StdioClientTransport({ ...server, stderr: 'ignore' }));
      try {
        return textOf(await client.callTool({ name: 'bash', arguments: { command } }));
      } finally {
        await client.close();
      }
    },
    [Symbol.asyncDispose]: () => rm(cache, { recursive: true, force: true }),
  };
}

function textOf(answer: object): string {
  const content: unknown = 'content' in answer ? answer.content : undefined;
  if (!Array.isArray(content)) throw new Error('the tool answered without content');
  return content.map((part: unknown) => (isText(part) ? part.text : '')).join('');
}

function isText(part: unknown): part is { text: string } {
  return typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string';
}
