import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ingestSdkLog, sdkCaptureNote, type SdkIngestOptions } from '../../../../src/run/ingest/sdk-log.ts';
import { formatSdkEvent, sdkEventSchema } from '../../../../src/run/layers/sdk-event.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { secretRuleIn } from '../../../../src/run/redaction/secret-shapes.ts';
import { failureOfAsync } from '../../core/failure.ts';
import { fixedKey } from '../fixed.ts';
import { all, failureOfLog, ndjson, readLog } from './log-file.ts';

const options: SdkIngestOptions = {
  runId: 'run_001',
  agentShim: 'openai-agents',
  redactor: createRedactor(fixedKey),
};
const read = (path: string) => ingestSdkLog(path, options);

const schema = 'assay.runner.sdk_event.v0';
const source = { source: 'agent', sdk_name: '@openai/agents', sdk_version: '1.2.3' };
const started = {
  schema,
  run_id: 'run_001',
  seq: 0,
  event_type: 'tool_call_started',
  ...source,
  tool_call_id: 'tc_1',
  tool: 'read_file',
};
const completed = { ...started, seq: 1, event_type: 'tool_call_completed' };
const finished = { schema, run_id: 'run_001', seq: 2, event_type: 'run_finished', source: 'agent' };

describe('an SDK log', () => {
  test('becomes lines of the SDK layer, with null for what the SDK did not say', async () => {
    const events = await readLog(ndjson(started, completed, finished), read);
    expect(events.map(formatSdkEvent)).toEqual([
      JSON.stringify(started),
      JSON.stringify(completed),
      '{"schema":"assay.runner.sdk_event.v0","run_id":"run_001","seq":2,"event_type":"run_finished","source":"agent","sdk_name":null,"sdk_version":null,"tool_call_id":null,"tool":null}',
    ]);
    expect(sdkCaptureNote(3, 1)).toBe('s5_sdk_capture: sdk_events=3 sdk_tool_calls=1');
  });

  test('of several writers counts on in the order of the file, each writer counting its own lines', async () => {
    const by = (writer: string, seq: number) => ({ ...started, writer, seq, tool_call_id: `${writer}${seq}` });
    const events = await readLog(ndjson(by('a', 0), by('b', 0), by('a', 1), { ...started, seq: 0 }, by('b', 1)), read);
    expect(events.map(({ seq, tool_call_id }) => [seq, tool_call_id])).toEqual([
      [0, 'a0'],
      [1, 'b0'],
      [2, 'a1'],
      [3, 'tc_1'],
      [4, 'b1'],
    ]);
    expect(events.every((event) => sdkEventSchema.safeParse(event).success)).toBe(true);
    const gap = await failureOfLog(ndjson(by('a', 0), by('b', 0), by('a', 2)), read);
    expect(gap).toMatchObject({ message: 'SDK log LOG, line 3: seq is 2, expected 1', line: 3, field: 'seq' });
  });

  test.each([
    ['has no event', '\n', 'SDK log LOG: has no event'],
    ['has another schema', ndjson({ ...started, schema: 'x' }), `line 1: schema must be ${schema}, it is "x"`],
    ['has no schema', ndjson({ ...started, schema: undefined }), `line 1: schema is missing, it must be ${schema}`],
    ['has no run', ndjson({ ...started, run_id: '' }), 'line 1: run_id is missing'],
    [
      'is of another run',
      ndjson(started, { ...completed, run_id: 'run_002' }),
      'line 2: run_id is "run_002", this run is run_001: it is the log of another run',
    ],
    ['begins at 1', ndjson({ ...started, seq: 1 }), 'line 1: seq is 1, expected 0'],
    ['has a gap', ndjson(started, { ...completed, seq: 2 }), 'line 2: seq is 2, expected 1'],
    ['repeats a number', ndjson(started, { ...completed, seq: 0 }), 'line 2: seq is 0, expected 1'],
    ['has no number', ndjson({ ...started, seq: undefined }), 'line 1: seq is missing'],
    ['has a text for a number', ndjson({ ...started, seq: '0' }), 'line 1: seq must be a whole number from 0'],
    ['has a negative number', ndjson({ ...started, seq: -1 }), 'line 1: seq must be a whole number from 0'],
    ['has an unknown event', ndjson({ ...started, event_type: 'guess' }), 'line 1: event_type "guess" is not known'],
    ['has no event type', ndjson({ ...started, event_type: null }), 'line 1: event_type is missing'],
    ['has no source', ndjson({ ...started, source: ' ' }), 'line 1: source is missing'],
    ['has no id of a call', ndjson({ ...started, tool_call_id: null }), 'line 1: tool_call_id is missing'],
    ['has no tool', ndjson(started, { ...completed, tool: undefined }), 'line 2: tool is missing'],
    ['has a line cut off', `${ndjson(started)}{"schema":"ass`, 'line 2: it is not JSON'],
  ])('that %s is refused by line and field', async (_name, log, message) => {
    const failure = await failureOfLog(log, read);
    expect(failure.code).toBe('RUN_LOG_INVALID');
    expect(failure.message.replace('SDK log LOG, ', '')).toBe(message);
  });

  test('of another run comes with what to do about it', async () => {
    const reading = readLog(ndjson({ ...started, run_id: 'run_002' }), read);
    await expect(reading).rejects.toMatchObject({
      hint: 'events are added to what is there: name a new file for each run',
    });
  });

  test('is redacted in every text', async () => {
    const secret = `AKIA${'A'.repeat(16)}`;
    const fields = ['source', 'sdk_name', 'sdk_version', 'tool_call_id', 'tool'];
    const told = Object.fromEntries(fields.map((field) => [field, secret]));
    const events = await readLog(ndjson({ ...started, ...told }, { ...finished, ...told, seq: 1 }), read);
    expect(events).toHaveLength(2);
    for (const event of events) {
      expect(secretRuleIn(JSON.stringify(event))).toBeUndefined();
      for (const [name, value] of Object.entries(event)) {
        if (fields.includes(name)) expect(value).toMatch(/^<redacted:aws-access-key-id:[0-9a-f]{8}>$/);
      }
    }
  });

  test('is an error of a run without a shim, before it is looked at', async () => {
    const failure = await failureOfAsync(() =>
      all(ingestSdkLog('/nonexistent/log', { ...options, agentShim: 'none' })),
    );
    expect([failure.code, failure.message]).toEqual(['USAGE', 'an SDK log needs an agent shim, the run has none']);
  });

  test('may be empty or not there only where it is said so', async () => {
    const lenient = (path: string) => ingestSdkLog(path, { ...options, mayBeEmpty: true });
    expect(await readLog('', lenient)).toEqual([]);
    expect(await all(lenient('/nonexistent/log'))).toEqual([]);
    expect((await failureOfLog('x', lenient)).code).toBe('RUN_LOG_INVALID');
    await expect(all(read('/nonexistent/log'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'SDK log /nonexistent/log is not there',
      hint: expect.stringContaining('when the command has ended') as string,
    });
  });

  test('of any interleaving of writers gives every event of each in its order', async () => {
    const steps = fc.array(fc.constantFrom('a', 'b', 'c', undefined), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(steps, async (writers) => {
        const counts = new Map<string | undefined, number>();
        const lines = writers.map((writer) => {
          const seq = counts.get(writer) ?? 0;
          counts.set(writer, seq + 1);
          return {
            ...started,
            seq,
            tool_call_id: `${writer ?? 'none'}-${seq}`,
            ...(writer !== undefined && { writer }),
          };
        });
        const events = await readLog(ndjson(...lines), read);
        expect(events.map(({ seq }) => seq)).toEqual(lines.keys().toArray());
        expect(events.map(({ tool_call_id }) => tool_call_id)).toEqual(lines.map(({ tool_call_id }) => tool_call_id));
      }),
      { numRuns: 50 },
    );
  });
});
