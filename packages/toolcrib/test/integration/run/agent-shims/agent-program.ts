import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { agentShimEnvironment } from '../../../../src/run/ingest/agent-shim.ts';
import { ingestSdkLog } from '../../../../src/run/ingest/sdk-log.ts';
import type { SdkEvent } from '../../../../src/run/layers/sdk-event.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { fixedKey } from '../../../unit/run/fixed.ts';

export const RUN_ID = 'run_of_the_test';

/** The shim as the package has it. */
export function shippedShim(shim: string): string {
  const command = process.env['TOOLCRIB_TEST_COMMAND'];
  if (command === undefined) throw new Error('the command line is not bundled: this is a test of the integration lane');
  return join(dirname(command), 'shims', `${shim}.cjs`);
}

/** What a program did, apart from its log. */
export interface ProgramEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An agent that is run. */
export interface AgentRun {
  /** A file of `programs`. */
  readonly program: string;
  readonly args: readonly string[];
  /** Of the model's service. */
  readonly url: string;
  /** Its shim, and where that writes; undefined for a run without. */
  readonly shim?: { readonly name: string; readonly logPath: string } | undefined;
  readonly nodeOptions?: string;
  /** Default: the Node of this process. */
  readonly node?: string;
}

/** Runs an agent with nothing in its environment but the model's address and key, and the shim. */
export async function runAgent({ program, args, url, shim, nodeOptions, node }: AgentRun): Promise<ProgramEnd> {
  const path = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  const child = spawn(node ?? process.execPath, [path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    env: {
      OPENAI_API_KEY: 'test-key',
      OPENAI_BASE_URL: `${url}/v1`,
      OPENAI_AGENTS_DISABLE_TRACING: '1',
      GEMINI_API_KEY: 'test-key',
      MODEL_URL: url,
      ...(shim !== undefined &&
        agentShimEnvironment({
          runId: RUN_ID,
          logPath: shim.logPath,
          shimPath: shippedShim(shim.name),
          nodeOptions,
        })),
    },
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: child.exitCode, stdout, stderr };
}

/** What a log says, as the recorder reads it; nothing when nobody wrote one. */
export async function eventsOf(shim: string, logPath: string): Promise<readonly SdkEvent[]> {
  const events: SdkEvent[] = [];
  const options = { runId: RUN_ID, agentShim: shim, redactor: createRedactor(fixedKey), mayBeEmpty: true };
  for await (const event of ingestSdkLog(logPath, options)) events.push(event);
  return events;
}

/** The raw text of a log. */
export async function logText(logPath: string): Promise<string> {
  return existsSync(logPath) ? await readFile(logPath, 'utf8') : '';
}

/** One line for each event, without what is the same in all. */
export function told(events: readonly SdkEvent[]): readonly string[] {
  return events.map(({ event_type: type, tool_call_id: id, tool }) =>
    tool === null ? type : `${type} ${String(id)} ${tool}`,
  );
}
