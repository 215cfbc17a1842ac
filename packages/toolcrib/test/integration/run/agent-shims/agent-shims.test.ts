import { execFileSync } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatSdkEvent } from '../../../../src/run/layers/sdk-event.ts';
import { createScratch } from '../../../unit/disk/scratch.ts';
import { eventsOf, logText, runAgent, shippedShim, told, type AgentRun } from './agent-program.ts';
import { GEMINI_CALL_ID, geminiModel } from './gemini-model.ts';
import { startModelServer, type Model } from './model-server.ts';
import { OPENAI_CALL_ID, openaiModel, TOOL } from './openai-model.ts';

const OPENAI = 'openai-agents';
const GEMINI = 'gemini-google-genai';

interface Told {
  readonly lines: readonly string[];
  readonly layer: readonly string[];
  readonly raw: string;
  readonly end: Awaited<ReturnType<typeof runAgent>>;
}

/** Runs an agent with its shim against a stand-in for its model, which takes nothing that is wrong. */
async function toldBy(shim: string, model: Model, run: Omit<AgentRun, 'url' | 'shim' | 'program'>): Promise<Told> {
  await using server = await startModelServer(model);
  await using scratch = await createScratch();
  const logPath = join(scratch.path, 'sdk.ndjson');
  const program = shim === OPENAI ? 'openai-agent.mjs' : 'gemini-agent.mjs';
  const end = await runAgent({ program, url: server.url, shim: { name: shim, logPath }, ...run });
  expect(server.problems).toEqual([]);
  const events = await eventsOf(shim, logPath);
  return { lines: told(events), layer: events.map(formatSdkEvent), raw: await logText(logPath), end };
}

const called = (id: string): readonly string[] => [
  `tool_call_started ${id} ${TOOL.name}`,
  `tool_call_completed ${id} ${TOOL.name}`,
];

describe('the shim for @openai/agents', () => {
  const call = called(OPENAI_CALL_ID);

  test.each([
    ['import', 'default'],
    ['require', 'default'],
    ['import', 'completions'],
    ['require', 'completions'],
    ['import', 'stream'],
    ['require', 'stream'],
  ])('tells one call of a tool and the end of the run: %s, %s', async (...args) => {
    const { lines, layer, raw, end } = await toldBy(OPENAI, openaiModel, { args });
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout).toMatch(/^done/);
    expect(lines).toEqual([...call, 'run_finished']);
    expect(layer[0]).toMatch(
      /^\{"schema":"assay\.runner\.sdk_event\.v0","run_id":"run_of_the_test","seq":0,"event_type":"tool_call_started","source":"toolcrib-shim\/openai-agents","sdk_name":"@openai\/agents","sdk_version":"\d+\.\d+\.\d+","tool_call_id":"call_of_the_test","tool":"read_file"\}$/,
    );
    expect(raw).not.toMatch(/secret-(?:argument|result)/);
  });

  test('tells each run of one runner, and its calls once', async () => {
    const { lines } = await toldBy(OPENAI, openaiModel, { args: ['import', 'twice'] });
    expect(lines).toEqual([...call, 'run_finished', ...call, 'run_finished']);
  });

  test('tells a run that failed, and hands the failure to the agent', async () => {
    const { lines, end } = await toldBy(OPENAI, openaiModel, { args: ['import', 'fail'] });
    expect(lines).toEqual([...call, 'run_failed']);
    expect(end.stdout).toContain('MaxTurnsExceededError');
  });

  test('writes the events of several processes and threads to one log, each counting its own', async () => {
    const { lines, layer, raw } = await toldBy(OPENAI, openaiModel, { args: ['import', 'processes'] });
    expect([...lines].sort()).toEqual(
      [...call, ...call, ...call, 'run_finished', 'run_finished', 'run_finished'].sort(),
    );
    expect(layer.map((line) => /"seq":(\d+)/.exec(line)?.[1])).toEqual(layer.map((_, index) => String(index)));
    const writers = raw.matchAll(/"writer":"([^"]+)"/g).map(([, writer]) => writer);
    expect(new Set(writers).size).toBe(3);
  });
});

describe('the shim for @google/genai', () => {
  test.each([
    ['import', 'manual'],
    ['require', 'manual'],
    ['import', 'automatic'],
    ['require', 'automatic'],
    ['import', 'stream'],
    ['import', 'automatic-stream'],
    ['import', 'chat'],
  ])('tells one call of a function and the end of the process: %s, %s', async (...args) => {
    const { lines, layer, raw, end } = await toldBy(GEMINI, geminiModel(GEMINI_CALL_ID), { args });
    expect(end).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
    expect(lines).toEqual([...called(GEMINI_CALL_ID), 'run_finished']);
    expect(layer[0]).toMatch(
      /"source":"toolcrib-shim\/gemini-google-genai","sdk_name":"@google\/genai","sdk_version":"\d+\.\d+\.\d+","tool_call_id":"function-call-of-the-test","tool":"read_file"\}$/,
    );
    expect(raw).not.toMatch(/secret-(?:argument|result)/);
  });

  test.each(['manual', 'automatic', 'chat'])('names a call that the model gave no id: %s', async (mode) => {
    const { lines } = await toldBy(GEMINI, geminiModel(undefined), { args: ['import', mode] });
    const [id = ''] = /no-id\.\d+\.\w+\.1/.exec(lines[0] ?? '') ?? [];
    expect(lines).toEqual([...called(id), 'run_finished']);
  });

  test('tells a tool that broke as a call without an end, in a process that failed', async () => {
    const { lines, end } = await toldBy(GEMINI, geminiModel(GEMINI_CALL_ID), { args: ['import', 'fail'] });
    expect(lines).toEqual([`tool_call_started ${GEMINI_CALL_ID} ${TOOL.name}`, 'run_failed']);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('the tool broke');
  });
});

describe('a shim', () => {
  test.each([
    ['openai-agent.mjs', OPENAI, 'unhandled', openaiModel],
    ['gemini-agent.mjs', GEMINI, 'fail', geminiModel(GEMINI_CALL_ID)],
  ])('leaves how %s ends as it is, also where nobody handles a failure', async (program, name, mode, model) => {
    await using server = await startModelServer(model);
    await using scratch = await createScratch();
    const run = { program, args: ['import', mode], url: server.url };
    const without = await runAgent(run);
    const withShim = await runAgent({ ...run, shim: { name, logPath: join(scratch.path, 'log') } });
    expect(without.code).toBe(1);
    // A stack shows that something stands between.
    const stderr = withShim.stderr.replaceAll(/^ +at .*\/shims\/.*\n/gm, '');
    expect({ ...withShim, stderr }).toEqual(without);
  });

  test('whose log cannot be written disturbs nobody: a folder, a pipe that nobody reads, a full disk', async () => {
    await using server = await startModelServer(openaiModel);
    await using scratch = await createScratch();
    const [folder, pipe] = [join(scratch.path, 'folder'), join(scratch.path, 'pipe')];
    await mkdir(folder);
    execFileSync('mkfifo', [pipe]);
    for (const logPath of [folder, pipe, '/dev/full', join(scratch.path, 'none', 'log')]) {
      const args = ['import', 'default'];
      const end = await runAgent({
        program: 'openai-agent.mjs',
        args,
        url: server.url,
        shim: { name: OPENAI, logPath },
      });
      expect(end).toEqual({ code: 0, stdout: 'done \n', stderr: '' });
    }
  });

  test('in a Node without module hooks tells nothing, and the agent runs', async () => {
    await using scratch = await createScratch();
    const older = join(scratch.path, 'older.cjs');
    await writeFile(older, "delete require('node:module').registerHooks;");
    const { lines, end } = await toldBy(OPENAI, openaiModel, {
      args: ['import', 'default'],
      nodeOptions: `--require ${older}`,
    });
    expect([lines, end.stdout]).toEqual([[], 'done \n']);
  });

  test('keeps its log for its user alone', async () => {
    await using server = await startModelServer(openaiModel);
    await using scratch = await createScratch();
    const logPath = join(scratch.path, 'log');
    const run = { program: 'openai-agent.mjs', args: ['import', 'default'], url: server.url };
    await runAgent({ ...run, shim: { name: OPENAI, logPath } });
    expect((await stat(logPath)).mode & 0o777).toBe(0o600);
  });

  test.each([OPENAI, GEMINI])('does nothing in a program that nobody records, or that has no SDK: %s', (shim) => {
    const program = 'console.log(Object.getOwnPropertySymbols(globalThis).map(String).join())';
    const options = { encoding: 'utf8', env: {} } as const;
    const args = ['--require', shippedShim(shim), '--eval', program];
    expect(execFileSync(process.execPath, args, options)).toBe(
      execFileSync(process.execPath, ['--eval', program], options),
    );
  });
});
