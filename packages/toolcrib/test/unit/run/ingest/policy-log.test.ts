import type { BigIntStats } from 'node:fs';
import { appendFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../../../src/core/errors.ts';
import { ingestPolicyLog, policyCaptureNote } from '../../../../src/run/ingest/policy-log.ts';
import { LOG_LIMITS } from '../../../../src/run/ingest/run-log.ts';
import { formatPolicyEvent, policyEventSchema } from '../../../../src/run/layers/policy-event.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { secretRuleIn } from '../../../../src/run/redaction/secret-shapes.ts';
import { fixedKey } from '../fixed.ts';
import { failureOfAsync } from '../../core/failure.ts';
import { createScratch } from '../../disk/scratch.ts';
import { all, failureOfLog, ndjson, readLog } from './log-file.ts';

const runId = 'run_001';
const read = (path: string) => ingestPolicyLog(path, { runId, redactor: createRedactor(fixedKey) });

const data = { tool: 'read_file', decision: 'allow', tool_call_id: 'tc_1' };
const decision = { type: 'assay.tool.decision', source: 'assay://gate/run_001', data };

describe('a decision log', () => {
  test('becomes lines of the policy layer, which count from 0 whatever else stands in the log', async () => {
    const more = { ...decision, specversion: '1.0', id: 'e2', data: { ...data, tool: ' write_file ', reason: 'x' } };
    const log = `\n${ndjson(decision)}  \r\n${JSON.stringify(more)}`;
    const events = await readLog(log, read);
    expect(events.map(formatPolicyEvent)).toEqual([
      '{"schema":"assay.runner.policy_event.v0","run_id":"run_001","seq":0,"source_event_type":"assay.tool.decision","source":"assay://gate/run_001","tool_call_id":"tc_1","tool":"read_file","decision":"allow"}',
      '{"schema":"assay.runner.policy_event.v0","run_id":"run_001","seq":1,"source_event_type":"assay.tool.decision","source":"assay://gate/run_001","tool_call_id":"tc_1","tool":"write_file","decision":"allow"}',
    ]);
    expect(policyCaptureNote(events.length)).toBe('s4_policy_capture: decision_events=2');
  });

  test('tells what was read, before and behind it, whatever its path leads to meanwhile', async () => {
    await using scratch = await createScratch();
    const [path, other] = [join(scratch.path, 'log'), join(scratch.path, 'other')];
    await writeFile(path, ndjson(decision));
    await writeFile(other, ndjson(decision));
    const { ino } = await stat(path, { bigint: true });
    const sizes: [inode: bigint, size: bigint][] = [];
    const onSight = (seen: BigIntStats): void => void sizes.push([seen.ino, seen.size]);
    for await (const _ of ingestPolicyLog(path, { runId, redactor: createRedactor(fixedKey), onSight })) {
      await appendFile(path, '\n');
      await rename(other, path);
    }
    const size = BigInt(ndjson(decision).length);
    expect(sizes).toEqual([
      [ino, size],
      [ino, size + 1n],
    ]);
  });

  test('that is a directory is none, and the hint says what to name', async () => {
    await using scratch = await createScratch();
    const { code, hint, message } = await failureOfAsync(() => all(read(scratch.path)));
    expect([code, hint, message]).toEqual([
      'RUN_LOG_INVALID',
      'name the file that the policy log is in',
      `policy log ${scratch.path}: is a directory`,
    ]);
  });

  test('is redacted in every text, and counted by field', async () => {
    const secret = `ghp_${'a'.repeat(36)}`;
    const redactor = createRedactor(fixedKey);
    const told = { tool: `t ${secret}`, decision: `d ${secret}`, tool_call_id: `i ${secret}` };
    const log = ndjson({ ...decision, source: `https://gate/${secret}`, data: told });
    const [event] = await readLog(log, (path) => ingestPolicyLog(path, { runId, redactor }));
    expect(secretRuleIn(JSON.stringify(event))).toBeUndefined();
    expect(event?.tool).toMatch(/^t <redacted:github-token:[0-9a-f]{8}>$/);
    expect(redactor.summary().by_field).toEqual({ decision: 1, source: 1, tool: 1, tool_call_id: 1 });
  });

  type Refusal = readonly [
    name: string,
    log: string | Uint8Array,
    message: string,
    line: number | null,
    field: string | null,
  ];
  test.each<Refusal>([
    ['is empty', '', 'policy log LOG: has no decision', null, null],
    ['has blank lines alone', '\n \n', 'policy log LOG: has no decision', null, null],
    ['is no JSON', `${ndjson(decision)}\n{"a`, 'policy log LOG, line 3: it is not JSON', 3, null],
    ['is no object', '[]\n', 'policy log LOG, line 1: it is not a JSON object', 1, null],
    ['is no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'policy log LOG, line 1: it is not UTF-8', 1, null],
    [
      'has no type',
      ndjson({ ...decision, type: undefined }),
      'policy log LOG, line 1: type is missing, it must be assay.tool.decision',
      1,
      'type',
    ],
    [
      'has another type',
      ndjson(decision, { ...decision, type: 'assay.other\u001b[2J' }),
      'policy log LOG, line 2: type must be assay.tool.decision, it is "assay.other\\u001b[2J"',
      2,
      'type',
    ],
    [
      'has a number for a type',
      ndjson({ ...decision, type: 7 }),
      'policy log LOG, line 1: type must be assay.tool.decision, it is of type number',
      1,
      'type',
    ],
    ['has no data', ndjson({ ...decision, data: null }), 'policy log LOG, line 1: data is missing', 1, 'data'],
    [
      'has a list for data',
      ndjson({ ...decision, data: [data] }),
      'policy log LOG, line 1: data must be an object, it is a list',
      1,
      'data',
    ],
    ['has no source', ndjson({ ...decision, source: '' }), 'policy log LOG, line 1: source is missing', 1, 'source'],
    ...(['tool', 'tool_call_id', 'decision'] as const).map((name): Refusal => [
      `has a blank ${name}`,
      ndjson(decision, { ...decision, data: { ...data, [name]: ' ' } }),
      `policy log LOG, line 2: data.${name} is missing`,
      2,
      `data.${name}`,
    ]),
    [
      'has an object for a tool',
      ndjson({ ...decision, data: { ...data, tool: {} } }),
      'policy log LOG, line 1: data.tool must be a text, it is of type object',
      1,
      'data.tool',
    ],
    [
      'has a tool of the prototype alone',
      '{"type":"assay.tool.decision","source":"s","__proto__":{"data":{"tool":"t"}}}\n',
      'policy log LOG, line 1: data is missing',
      1,
      'data',
    ],
    [
      'has a name that is too long',
      ndjson({ ...decision, data: { ...data, tool: 'x'.repeat(LOG_LIMITS.text + 1) } }),
      `policy log LOG, line 1: data.tool is longer than ${LOG_LIMITS.text} characters`,
      1,
      'data.tool',
    ],
    [
      'has a line that is too long',
      `\n${JSON.stringify({ ...decision, more: 'x'.repeat(LOG_LIMITS.lineBytes) })}\n`,
      `policy log LOG, line 2: it has more than ${LOG_LIMITS.lineBytes} bytes`,
      2,
      null,
    ],
    ['is nested without end', '['.repeat(LOG_LIMITS.lineBytes - 1), 'policy log LOG, line 1: it is not JSON', 1, null],
  ])('that %s is refused by line and field', async (_name, log, message, line, field) => {
    expect(await failureOfLog(log, read)).toEqual({ code: 'RUN_LOG_INVALID', message, line, field });
  });

  test('that is too big is refused, whatever is in it', async () => {
    const wide = `${' '.repeat(LOG_LIMITS.lineBytes - 1)}\n`.repeat(LOG_LIMITS.bytes / LOG_LIMITS.lineBytes);
    expect((await failureOfLog(`${wide}\n`, read)).message).toBe(
      `policy log LOG: has more than ${LOG_LIMITS.bytes} bytes`,
    );
    const many = '\n'.repeat(LOG_LIMITS.lines + 1);
    expect((await failureOfLog(many, read)).message).toBe(`policy log LOG: has more than ${LOG_LIMITS.lines} lines`);
  });

  test('of many pieces is read whole and in order', async () => {
    const ids = Array.from({ length: 20_000 }, (_, index) => `tc_${index}`);
    const log = ndjson(...ids.map((id) => ({ ...decision, id: 'e'.repeat(99), data: { ...data, tool_call_id: id } })));
    expect(log.length).toBeGreaterThan(4 * 1024 ** 2);
    expect((await readLog(log, read)).map((event) => event.tool_call_id)).toEqual(ids);
  });

  test('is never quoted in a message where it looks like a secret', async () => {
    const secret = `sk-proj-${'a'.repeat(30)}`;
    for (const log of [`${secret}\n`, ndjson({ ...decision, type: secret })]) {
      const { message } = await failureOfLog(log, read);
      expect(message).not.toContain('aaaa');
    }
  });

  test('of whatever bytes gives lines of the layer or one error with a line', async () => {
    const piece = fc.oneof(
      fc.constantFrom(ndjson(decision), '\n', '{"type":', '"assay.tool.decision"', '}', '\r'),
      fc.json().map((text) => `${text}\n`),
      fc.record({ type: fc.constant('assay.tool.decision'), source: fc.string(), data: fc.object() }).map(ndjson),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 5 }), async (pieces) => {
        try {
          const events = await readLog(pieces.join(''), read);
          expect(events.map((event) => policyEventSchema.parse(JSON.parse(formatPolicyEvent(event))).seq)).toEqual(
            events.keys().toArray(),
          );
        } catch (error) {
          if (!hasCode(error, 'RUN_LOG_INVALID')) throw error;
        }
      }),
      { numRuns: 60 },
    );
  });

  test('that is not there, or is a pipe, is told as that', async () => {
    await expect(all(read('/nonexistent/log'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'policy log /nonexistent/log is not there',
      hint: expect.stringContaining('when the command has ended') as string,
    });
    await expect(all(read('/dev/null'))).rejects.toMatchObject({ code: 'STORAGE' });
  });

  test('is left when the signal aborts', async () => {
    const signal = AbortSignal.abort(new Error('stop'));
    const reading = readLog(ndjson(decision), (path) =>
      ingestPolicyLog(path, { runId, redactor: createRedactor(fixedKey), signal }),
    );
    await expect(reading).rejects.toThrow('stop');
  });
});
