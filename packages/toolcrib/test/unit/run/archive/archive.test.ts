import fc from 'fast-check';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../../src/core/digest.ts';
import type { ArchiveMember } from '../../../../src/run/archive/paths.ts';
import { ARCHIVE_LIMITS } from '../../../../src/run/archive/limits.ts';
import { verifyArchive } from '../../../../src/run/archive/verify.ts';
import { archiveBytes, sealArchive, writeArchive } from '../../../../src/run/archive/write.ts';
import { readTar, gunzip } from '../../../../src/tar/read.ts';
import { failureOf, failureOfAsync } from '../../core/failure.ts';
import { fullSample, packed, sampleMembers, type SampleParts } from './sample-archive.ts';

async function rulesOf(members: readonly ArchiveMember[]): Promise<readonly string[]> {
  const { findings } = await verifyArchive(archiveBytes(members));
  return [...new Set(findings.map(({ rule }) => rule))].sort();
}

/** Another content under the old manifest. */
function tampered(members: readonly ArchiveMember[], path: string, bytes: Uint8Array): readonly ArchiveMember[] {
  return members.map((member) => (member.path === path ? { path, bytes } : member));
}

function textOf(members: readonly ArchiveMember[], path: string): string {
  return Buffer.from(members.find((member) => member.path === path)?.bytes ?? []).toString();
}

describe('an archive file', () => {
  test('has the same bytes whenever it is made from the same run', async () => {
    const bytes = await packed(sampleMembers());
    expect(digestOf(bytes)).toBe('sha256:29ef677803b28f95a78168c3910e66f3b007d7248429a904cae744f9f702620e');
    expect(Buffer.compare(bytes, await packed(sampleMembers()))).toBe(0);
  });

  test('has its members in the order of the format, ours last', async () => {
    const members = sampleMembers({
      ...fullSample,
      replace: { 'toolcrib/outcome.json': '{}', 'toolcrib/a.json': '{}' },
    });
    const paths: string[] = [];
    const tar = gunzip(archiveBytes(members), 1e9);
    for await (const { path, mode } of readTar(tar, { maxEntries: 99, maxEntryBytes: 1e9, maxTotalBytes: 1e9 })) {
      paths.push(`${path} ${mode.toString(8)}`);
    }
    expect(paths).toEqual([
      'manifest.json 644',
      'capability-surface.json 644',
      'correlation-report.json 644',
      'events.ndjson 644',
      'layers/kernel.ndjson 644',
      'layers/policy.ndjson 644',
      'layers/sdk.ndjson 644',
      'observation-health.json 644',
      'toolcrib/a.json 644',
      'toolcrib/outcome.json 644',
    ]);
  });

  test('never replaces another one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'toolcrib-archive-'));
    try {
      const path = join(directory, 'run.tar.gz');
      const { digest, size } = await writeArchive(path, sampleMembers());
      expect([digestOf(await readFile(path)), (await readFile(path)).length]).toEqual([digest, size]);
      await writeFile(join(directory, 'other'), 'precious');
      const error = await failureOfAsync(() => writeArchive(join(directory, 'other'), sampleMembers()));
      expect([error.code, await readFile(join(directory, 'other'), 'utf8')]).toEqual(['USAGE', 'precious']);
      const lost = await failureOfAsync(() => writeArchive(join(directory, 'none/run.tar.gz'), sampleMembers()));
      expect(lost.code).toBe('STORAGE');
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('is not sealed while a secret is in it', () => {
    const secret = `AKIA${'A'.repeat(16)}`;
    const error = failureOf(() =>
      sealArchive('run_001', [{ path: 'layers/sdk.ndjson', bytes: Buffer.from(`{"a":"${secret}"}\n`) }]),
    );
    expect([error.code, error.message.includes('layers/sdk.ndjson'), error.message.includes(secret)]).toEqual([
      'ARCHIVE_REFUSED',
      true,
      false,
    ]);
  });
});

describe('a whole archive', () => {
  test('verifies, and without a kernel layer supports only what was reported', async () => {
    const { findings, verdict, summary } = await verifyArchive(await packed(sampleMembers()));
    expect(findings).toEqual([]);
    expect(verdict).toMatchObject({ run_id: 'run_001', verdict: 'not_applicable' });
    expect(summary).toMatchObject({ command: ['true'], exitCode: 0, success: true, layers: { kernel: 0 } });
  });

  test('with every layer verifies, and its surface is what the layers imply', async () => {
    const { findings, verdict, summary } = await verifyArchive(await packed(sampleMembers(fullSample)));
    expect(findings).toEqual([]);
    expect(verdict?.verdict).toBe('clean');
    expect(summary.surface).toEqual({
      filesystem_paths: 2,
      network_endpoints: 4,
      process_execs: 1,
      mcp_tools: 1,
      policy_decisions: 1,
    });
  });

  test('verifies whatever its layers hold', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 });
    const kernel = fc.constantFrom(
      { type: 1, kind: 'openat' },
      { type: 2, kind: 'connect' },
      { type: 4, kind: 'exec' },
      { type: 7, kind: 'sendmsg' },
      { type: 5, kind: 'event_5' },
    );
    const event = fc.tuple(kernel, fc.option(text)).map(([head, value]) => ({ ...head, value }));
    const id = fc.string({ minLength: 1, maxLength: 5 });
    const decision = fc.record({ id, tool: id, decision: fc.constantFrom('allow', 'deny') });
    const sample: fc.Arbitrary<SampleParts> = fc.record({
      kernel: fc.array(event, { maxLength: 6 }),
      decisions: fc.array(decision, { maxLength: 3 }),
      sdkCalls: fc.array(fc.record({ id, tool: id }), { maxLength: 3 }),
      command: fc.array(text, { minLength: 1, maxLength: 3 }),
      agentShim: fc.constant('openai-agents'),
    });
    await fc.assert(
      fc.asyncProperty(sample, async (parts) => {
        expect((await verifyArchive(await packed(sampleMembers(parts)))).findings).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('with a member that only newer versions know is whole, and says what was not checked', async () => {
    const members = sampleMembers({ replace: { 'toolcrib/later.bin': 'whatever' } });
    const { findings, unchecked } = await verifyArchive(archiveBytes(members));
    expect([findings, unchecked]).toEqual([[], ['toolcrib/later.bin']]);
  });
});

describe('an archive is refused', () => {
  test.each<[string, SampleParts, string]>([
    ['a claim that the policy layer is present', { health: { policy_layer: 'present' } }, 'health'],
    ['a claim that an SDK reported', { health: { sdk_layer: 'self_reported' } }, 'health'],
    ['network coverage without a kernel layer', { health: { network_protocol_coverage: 'connect_only' } }, 'health'],
    ['a network scope without a kernel layer', { health: { network_endpoint_claim_scope: 'peer_set' } }, 'health'],
    ['drops under a complete layer', { ...fullSample, health: { ...fullSample.health, ringbuf_drops: 1 } }, 'health'],
    ['a kernel layer on another platform', { health: { platform: 'macos', kernel_layer: 'complete' } }, 'health'],
    ['failed correlation', { health: { cgroup_correlation: 'failed' } }, 'health'],
    ['a clean report with ambiguities', { correlation: { ambiguities: ['x'] } }, 'correlation'],
    [
      'a binding without a decision',
      { ...fullSample, decisions: [], health: {}, correlation: { bindings: [bound()] } },
      'correlation',
    ],
    [
      'a binding that counts more than there is',
      { ...fullSample, correlation: { bindings: [bound()] } },
      'correlation',
    ],
    [
      'silence about decisions without kernel events',
      { decisions: fullSample.decisions ?? [], correlation: { status: 'clean', ambiguities: [] } },
      'correlation',
    ],
    ['SDK events without a shim', { ...fullSample, agentShim: 'none' }, 'events'],
    [
      'redaction that was switched off',
      { health: { redaction: { ...redaction(), mode: 'disabled_unsafe' } } },
      'unsafe_redaction',
    ],
    ['a missing member', { replace: { 'layers/sdk.ndjson': undefined } }, 'member_missing'],
    ['a member that the format does not have', { replace: { 'extra.json': '{}' } }, 'member_unlisted'],
    ['no events', { replace: { 'events.ndjson': '' } }, 'events'],
    ['a layer of something else', { replace: { 'layers/kernel.ndjson': '{"a":1}\n' } }, 'schema'],
    ['a line that is not ended', { replace: { 'layers/sdk.ndjson': '{}' } }, 'schema'],
    ['an empty line', { replace: { 'layers/sdk.ndjson': '\n' } }, 'schema'],
    ['an own member with a key that nobody knows', { replace: { 'toolcrib/outcome.json': '{"a":1}' } }, 'schema'],
    [
      'a start that failed and an end that did not',
      { replace: { 'toolcrib/outcome.json': '{"spawn_error":"x","timed_out":false}' } },
      'outcome',
    ],
  ])('for %s', async (_, parts, rule) => {
    expect(await rulesOf(sampleMembers(parts))).toContain(rule);
  });

  test.each([
    ['success without exit code 0', '"exit_code":0', '"exit_code":1', 'events'],
    [
      'an exit code that no process has',
      '"exit_code":0,"signal":null,"success":true',
      '"exit_code":256,"signal":null,"success":false',
      'events',
    ],
    [
      'an exit code below 0',
      '"exit_code":0,"signal":null,"success":true',
      '"exit_code":-1,"signal":null,"success":false',
      'events',
    ],
    [
      'the signal 0',
      '"exit_code":0,"signal":null,"success":true',
      '"exit_code":null,"signal":0,"success":false',
      'events',
    ],
    [
      'a signal that no system has',
      '"exit_code":0,"signal":null,"success":true',
      '"exit_code":null,"signal":65,"success":false',
      'events',
    ],
    ['a gap in the numbers', '"seq":1', '"seq":2', 'seq'],
    ['a repeated key', '"seq":1', '"seq":0,"seq":1', 'schema'],
    ['an escape that hides something', '"run_finished"', String.raw`"\u0072un_finished"`, 'schema'],
    [
      'a second run id',
      '{"schema":"assay.runner.event.v0","run_id":"run_001","seq":1',
      '{"schema":"assay.runner.event.v0","run_id":"run_002","seq":1',
      'run_id',
    ],
    ['a secret', '"command":["true"]', `"command":["AKIA${'A'.repeat(16)}"]`, 'secret'],
  ])('for %s among the events', async (_, before, after, rule) => {
    const events = textOf(sampleMembers(), 'events.ndjson').replace(before, after);
    const members =
      rule === 'secret'
        ? tampered(sampleMembers(), 'events.ndjson', Buffer.from(events))
        : sampleMembers({ replace: { 'events.ndjson': events } });
    expect(await rulesOf(members)).toContain(rule);
  });

  test.each([
    ['more than a layer shows', '"/etc/shadow"', '"/etc/shadow","/zzz"'],
    ['less than the layers show', '"/etc/shadow",', ''],
    ['a set that is not sorted', '"/etc/shadow","/tmp/input"', '"/tmp/input","/etc/shadow"'],
    ['a set with a repetition', '"/tmp/input"', '"/tmp/input","/tmp/input"'],
  ])('for a surface that tells %s', async (_, before, after) => {
    const surface = textOf(sampleMembers(fullSample), 'capability-surface.json').replace(before, after);
    expect(await rulesOf(sampleMembers({ ...fullSample, replace: { 'capability-surface.json': surface } }))).toEqual([
      'surface',
    ]);
  });

  test('for a member that the manifest does not list, and for one that stands in the wrong place', async () => {
    const own = { path: 'toolcrib/new.json', bytes: Buffer.from('{}') };
    expect(await rulesOf([...sampleMembers(), own])).toEqual(['member_unlisted']);
    expect(await rulesOf([...sampleMembers()].reverse())).toContain('member_order');
  });

  test('for a member that is not a file, and for one that is there twice', async () => {
    const members = sampleMembers();
    expect(await rulesOf([...members, ...members.slice(-1)])).toEqual(['unreadable']);
    expect(await rulesOf([])).toContain('member_missing');
  });

  test('when it is larger than what may be read', async () => {
    const limits = { ...ARCHIVE_LIMITS, lineBytes: 100 };
    const { findings } = await verifyArchive(archiveBytes(sampleMembers()), { limits });
    expect(findings[0]).toMatchObject({
      rule: 'too_large',
      message: 'events.ndjson: a line has more than 100 bytes',
    });
    const total = await verifyArchive(archiveBytes(sampleMembers()), {
      limits: { ...ARCHIVE_LIMITS, totalBytes: 100 },
    });
    expect(total.findings[0]?.rule).toBe('too_large');
  });

  test('for a manifest that lists more than an archive can hold, and not for one that lists all of that', async () => {
    const members = sampleMembers({ runId: 'r'.repeat(128 * 1024) });
    const names = Array.from({ length: ARCHIVE_LIMITS.members - members.length }, (_, index) => `${index}`);
    const more = names.map((name) => ({ path: `toolcrib/${name.padStart(100, 'x')}`, bytes: Buffer.from('{}') }));
    const most = sealArchive('r'.repeat(128 * 1024), [...members.slice(1), ...more]);
    expect(most).toHaveLength(ARCHIVE_LIMITS.members);
    expect((await verifyArchive(archiveBytes(most))).findings).toEqual([]);
    const entries = Array.from({ length: 3000 }, (_, index) => ({ path: `toolcrib/${index}`, bytes: Buffer.from('') }));
    const [manifest] = sealArchive('run_001', entries);
    const { findings } = await verifyArchive(archiveBytes(manifest === undefined ? [] : [manifest]));
    expect(findings).toMatchObject([{ rule: 'too_large' }]);
    expect(findings[0]?.message).toMatch(/^manifest\.json has \d+ bytes, more than 262144$/);
  });

  test('when it is damaged anywhere, unless its content is the same; never with a crash', async () => {
    const bytes = Buffer.from(await packed(sampleMembers(fullSample)));
    const { summary } = await verifyArchive(bytes);
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255), fc.constantFrom('set', 'cut', 'drop', 'add'));
    await fc.assert(
      fc.asyncProperty(change, async ([at, value, how]) => {
        const result = await verifyArchive(damaged(bytes, at, value, how));
        if (result.findings.length === 0) expect(result.summary).toEqual(summary);
      }),
      { numRuns: 300 },
    );
  });

  test('when any byte of any member is another under the same manifest', async () => {
    const members = sampleMembers(fullSample).filter(({ bytes }) => bytes.byteLength > 0);
    const place = fc
      .constantFrom(...members.slice(1))
      .chain((member) => fc.tuple(fc.constant(member), fc.nat(member.bytes.length - 1)));
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async ([member, at], flip) => {
        const bytes = Uint8Array.from(member.bytes);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        expect(await rulesOf(tampered(sampleMembers(fullSample), member.path, bytes))).toContain('digest_mismatch');
      }),
      { numRuns: 100 },
    );
  });
});

test('verification stops when it is told to', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(verifyArchive(archiveBytes(sampleMembers()), { signal })).rejects.toThrow('enough');
});

function damaged(bytes: Buffer, at: number, value: number, how: string): Uint8Array {
  if (how === 'cut') return bytes.subarray(0, at);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(how === 'add' ? at : at + 1)];
  return Buffer.concat([before, how === 'drop' ? Buffer.alloc(0) : Buffer.of(value), after]);
}

function bound() {
  const window = { start: 'run_started', end: 'run_finished' };
  return { tool_call_id: 'call_1', policy_decision: 'allow', kernel_event_count: 99, window };
}

function redaction() {
  return {
    mode: '',
    redacted_count: 0,
    by_rule: {},
    by_field: {},
    key_scope: 'ephemeral',
    key_id: 'hmac-sha256:00000000',
  };
}
