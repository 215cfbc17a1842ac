import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ingestSdkLog } from '../../../src/run/ingest/sdk-log.ts';
import { sdkLogEnvironment } from '../../../src/run/ingest/agent-shim.ts';
import { createRedactor } from '../../../src/run/redaction/redactor.ts';
import { isName, sdkEventLogOf, type SdkEventLog } from '../../../src/shims/sdk-event-log.ts';
import { createScratch } from '../disk/scratch.ts';
import { fixedKey } from '../run/fixed.ts';
import { all } from '../run/ingest/log-file.ts';

const runId = 'run_1';
const sdk = { name: '@openai/agents', version: '1.2.3' };

/** A writer as a shim has it. */
function writerOf(logPath: string): SdkEventLog {
  const log = sdkEventLogOf(sdkLogEnvironment({ runId, logPath }), 'openai-agents');
  if (log === undefined) throw new Error('the environment asks for a log');
  return log;
}

describe('what a shim writes', () => {
  test('is taken by the recorder, whatever the SDK calls its tools, and whoever else writes', async () => {
    const name = fc
      .oneof(
        fc.string({ unit: 'binary' }),
        fc.string().map((text) => `${' '.repeat(2000)}${text}`),
      )
      .filter(isName);
    const call = fc.record({ id: name, tool: name });
    const step = fc.record({ call, writer: fc.nat({ max: 1 }), what: fc.nat({ max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        await using scratch = await createScratch();
        const path = join(scratch.path, 'log');
        const writers = [writerOf(path), writerOf(path)];
        for (const { call: told, writer, what } of steps) {
          const log = writers[writer];
          if (what === 0) log?.toolCallStarted(sdk, told);
          else if (what === 1) log?.toolCallCompleted(sdk, told);
          else if (what === 2) log?.runFinished(sdk);
          else log?.runFailed({ name: null, version: null });
        }
        const options = { runId, agentShim: 'openai-agents', redactor: createRedactor(fixedKey) };
        const events = await all(ingestSdkLog(path, options));
        expect(events.map(({ event_type }) => event_type)).toEqual(
          steps.map(({ what }) => ['tool_call_started', 'tool_call_completed', 'run_finished', 'run_failed'][what]),
        );
      }),
      { numRuns: 50 },
    );
  });

  test('names a call without an id by its object, and no two alike', () => {
    const log = writerOf('/nonexistent/log');
    const [first, second] = [{}, {}];
    expect(log.idOf(first, 'call_1')).toBe('call_1');
    const made = [log.idOf(first, undefined), log.idOf(second, ' '), log.idOf(undefined, null), log.idOf(first, 7)];
    expect(made[3]).toBe(made[0]);
    expect(new Set(made).size).toBe(3);
    expect(made.every((id) => /^no-id\.\d+\.\w+\.\d$/.test(id))).toBe(true);
    expect(writerOf('/nonexistent/log').idOf(first, undefined)).not.toBe(made[0]);
  });

  test('ends for good with the first line that cannot be written: a gap would make the log one that is refused', async () => {
    await using scratch = await createScratch();
    const folder = join(scratch.path, 'later');
    const log = writerOf(join(folder, 'log'));
    log.runFailed(sdk);
    await mkdir(folder);
    log.runFinished(sdk);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ['nobody asks', {}],
    [
      'the run has no id',
      { ASSAY_RUNNER_SDK_EVENT_LOG: '/x', ASSAY_RUNNER_SDK_EVENT_SCHEMA: 'assay.runner.sdk_event.v0' },
    ],
    [
      'another format is asked for',
      { ...sdkLogEnvironment({ runId, logPath: '/x' }), ASSAY_RUNNER_SDK_EVENT_SCHEMA: 'assay.runner.sdk_event.v1' },
    ],
  ])('is nothing where %s', (_when, env: Record<string, string>) => {
    expect(sdkEventLogOf(env, 'openai-agents')).toBeUndefined();
  });
});
