import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { createMcpServer } from './mcp-server.ts';
import type { Native } from './native.ts';
import { endPatience, endSignals, familyVariable } from './process/end-signals.ts';
import { endFamily } from './process/process-ending.ts';
import { startReaper } from './process/reaper.ts';
import { BashTool } from './shell/bash-tool.ts';
import { findShells } from './shell/shell-choice.ts';

/** Serves MCP on stdin and stdout until stdin ends or a signal comes; then ends every process it started, and exits. */
export async function serveMcp(env: Readonly<Record<string, string>>, cwd: string, native: Native): Promise<void> {
  native.becomeSubreaper();
  const random = () => randomBytes(12).toString('hex');
  const family = { name: familyVariable, value: random() };
  const stdin = hasNullDevice() ? '</dev/null' : '<&-';
  const bash = new BashTool({ env, cwd, native, family, stdin, random, findShells });
  const server = createMcpServer(bash, random);
  const end = endOnce(async () => {
    await endEverything(bash);
    await server.close();
  });
  for (const [signal, code] of Object.entries(endSignals)) process.on(signal, () => end(code));
  for (const event of ['end', 'close', 'error']) process.stdin.on(event, () => end(0));
  process.stdout.on('error', () => end(0));
  // The transport gives up on a message that is too long: without it nobody could reach the server any more.
  server.server.onclose = () => end(1);
  startReaper(native, () => bash.shellPid);
  await server.connect(new StdioServerTransport());
}

async function endEverything(bash: BashTool): Promise<void> {
  const { shellPid } = bash;
  const members = shellPid === undefined ? [] : [shellPid];
  await endFamily({ ancestors: [process.pid], members, variable: bash.variable, spared: new Set() }, endPatience);
}

/** The first call decides the exit code; a second one while the end is under way changes nothing. */
function endOnce(work: () => Promise<void>): (code: number) => void {
  let begun = false;
  return (code) => {
    if (begun) return;
    begun = true;
    // Answers that are ready are sent before: the client may have closed its end right after its last request.
    setImmediate(() => void work().finally(() => process.exit(code)));
  };
}

function hasNullDevice(): boolean {
  return statSync('/dev/null', { throwIfNoEntry: false })?.isCharacterDevice() ?? false;
}
