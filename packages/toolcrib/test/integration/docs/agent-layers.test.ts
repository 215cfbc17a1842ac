import { appendFileSync } from 'node:fs';
import { chmod, copyFile, readFile, symlink, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { formatPolicyEvent } from '../../../src/run/layers/policy-event.ts';
import { ingestPolicyLog } from '../../../src/run/ingest/policy-log.ts';
import { ingestSdkLog } from '../../../src/run/ingest/sdk-log.ts';
import { correlationSchema } from '../../../src/run/reports/correlation-report.ts';
import { createRedactor } from '../../../src/run/redaction/redactor.ts';
import { createScratch } from '../../unit/disk/scratch.ts';
import { fixedKey } from '../../unit/run/fixed.ts';
import { readLog } from '../../unit/run/ingest/log-file.ts';
import { REPOSITORY } from '../build/samples.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { GEMINI_CALL_ID, geminiModel } from '../run/agent-shims/gemini-model.ts';
import { startModelServer, type Model } from '../run/agent-shims/model-server.ts';
import { OPENAI_CALL_ID, openaiModel } from '../run/agent-shims/openai-model.ts';
import { blocksOf, testedBlock } from './markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/agent-layers.md'), 'utf8');
const PROGRAMS = join(REPOSITORY, 'packages/toolcrib/test/integration/run/agent-shims/programs');

/** What a run of the guide leaves. */
interface Followed {
  readonly verified: string;
  readonly member: (path: string) => Promise<string>;
}

/** Does what a block says in a folder with an agent in it, then looks at the archive. */
async function follow(name: string, folder: string, { program, mode }: Agent, model: Model): Promise<Followed> {
  await using server = await startModelServer(model);
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  await copyFile(join(PROGRAMS, program), join(folder, 'program.mjs'));
  const argv = `process.argv.splice(1, 1, '${folder}/program.mjs', 'import', '${mode}');`;
  await writeFile(join(folder, 'agent.mjs'), `${argv}\nawait import('./program.mjs');\n`);
  await writeFile(join(folder, 'toolcrib'), `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(folder, 'toolcrib'), 0o755);
  const keys = { OPENAI_API_KEY: 'test-key', GEMINI_API_KEY: 'test-key', OPENAI_AGENTS_DISABLE_TRACING: '1' };
  const path = `${folder}:${process.execPath.replace(/\/node$/, '')}:${process.env['PATH'] ?? ''}`;
  const env = {
    ...cliEnvironment(folder, keys),
    PATH: path,
    OPENAI_BASE_URL: `${server.url}/v1`,
    MODEL_URL: server.url,
  };
  const shell = async (script: string): Promise<string> =>
    (await promisify(execFile)('/bin/sh', ['-e', '-c', script], { cwd: folder, env })).stdout;
  expect(await shell(testedBlock(guide, name))).toMatch(/^done/);
  expect(server.problems).toEqual([]);
  const verified = await shell('toolcrib archive verify run.tar.gz');
  return { verified, member: (member) => shell(`tar xzOf run.tar.gz ${member}`) };
}

interface Agent {
  readonly program: string;
  readonly mode: string;
}

/** A gate beside the model: it decides about the call before the agent has it. */
function gated(model: Model, log: string, id: string): Model {
  const data = { tool: 'read_file', tool_call_id: id, decision: 'allow' };
  let isDecided = false;
  return (request) => {
    const answer = model(request);
    if (!isDecided)
      appendFileSync(log, `${JSON.stringify({ type: 'assay.tool.decision', source: 'test:gate', data })}\n`);
    isDecided = true;
    return answer;
  };
}

const toolEvents = (text: string): readonly string[] =>
  text
    .matchAll(/"event_type":"(\w+)".*"tool_call_id":(\S+),"tool":(\S+)\}/g)
    .map(([, ...told]) => told.join(' '))
    .toArray();

describe('the guide to the layers of an agent', () => {
  test('leads to an archive whose policy and SDK layers tell of one call, bound to each other', async () => {
    await using scratch = await createScratch();
    const model = gated(openaiModel, join(scratch.path, 'gate.ndjson'), OPENAI_CALL_ID);
    const agent = { program: 'openai-agent.mjs', mode: 'default' };
    const { member, verified } = await follow('openai', scratch.path, agent, model);
    expect(verified).toContain('consistent');
    expect(toolEvents(await member('layers/sdk.ndjson'))).toEqual([
      `tool_call_started "${OPENAI_CALL_ID}" "read_file"`,
      `tool_call_completed "${OPENAI_CALL_ID}" "read_file"`,
      'run_finished null null',
    ]);
    expect(await member('layers/policy.ndjson')).toMatch(
      /^\{"schema":"assay\.runner\.policy_event\.v0","run_id":"\w+","seq":0,"source_event_type":"assay\.tool\.decision","source":"test:gate","tool_call_id":"call_of_the_test","tool":"read_file","decision":"allow"\}\n$/,
    );
    const report = correlationSchema.parse(JSON.parse(await member('correlation-report.json')));
    expect(report).toMatchObject({ status: 'clean', bindings: [{ tool_call_id: OPENAI_CALL_ID }], ambiguities: [] });
    const health = await member('observation-health.json');
    expect(health).toContain('"policy_layer":"present","sdk_layer":"self_reported"');
    expect(health).toContain('"s4_policy_capture: decision_events=1","s5_sdk_capture: sdk_events=3 sdk_tool_calls=1"');
    expect(await member('toolcrib/capture.json')).toContain('{"layer":"policy","command_could_write":true,');
  });

  test('leads to an SDK layer without a gate', async () => {
    await using scratch = await createScratch();
    const agent = { program: 'gemini-agent.mjs', mode: 'automatic' };
    const { member } = await follow('gemini', scratch.path, agent, geminiModel(GEMINI_CALL_ID));
    expect(toolEvents(await member('layers/sdk.ndjson'))).toEqual([
      `tool_call_started "${GEMINI_CALL_ID}" "read_file"`,
      `tool_call_completed "${GEMINI_CALL_ID}" "read_file"`,
      'run_finished null null',
    ]);
    expect(await member('layers/policy.ndjson')).toBe('');
    expect(await member('correlation-report.json')).toContain('"status":"clean","bindings":[],"ambiguities":[]');
  });

  test('shows lines that are taken as they stand', async () => {
    const [policy = '', sdk = ''] = blocksOf(guide).flatMap(({ language, text }) =>
      language === 'ndjson' ? [text] : [],
    );
    const options = { runId: 'run_1', redactor: createRedactor(fixedKey), agentShim: 'openai-agents' };
    const decisions = await readLog(policy, (path) => ingestPolicyLog(path, options));
    expect(decisions.map(formatPolicyEvent)).toEqual([expect.stringContaining('"tool_call_id":"call_1"')]);
    expect(await readLog(sdk, (path) => ingestSdkLog(path, options))).toMatchObject([{ tool_call_id: 'call_1' }]);
  });

  test('has no shell block that this test does not run', () => {
    const names = blocksOf(guide).flatMap(({ language, test: name }) => (language === 'sh' ? [name] : []));
    expect(names).toEqual(['openai', 'gemini']);
  });
});
