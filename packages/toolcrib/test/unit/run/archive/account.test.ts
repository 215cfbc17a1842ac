import { describe, expect, test } from 'vitest';
import type { ArchiveAccount } from '../../../../src/core/archive-account.ts';
import { createAccountCollector, type AccountLimits } from '../../../../src/run/archive/account.ts';
import { verifyArchive } from '../../../../src/run/archive/verify.ts';
import { archiveBytes } from '../../../../src/run/archive/write.ts';
import { kernelHealth } from '../../../../src/run/reports/kernel-health.ts';
import { captured } from '../captured.ts';
import { blindSpot, changed, executed } from '../observed.ts';
import { fullSample, sampleMembers, type SampleParts } from './sample-archive.ts';

async function accountOf(parts: SampleParts, limits?: AccountLimits): Promise<ArchiveAccount> {
  const collector = createAccountCollector(limits);
  const { findings } = await verifyArchive(archiveBytes(sampleMembers(parts)), { visitor: collector.visitor });
  expect(findings).toEqual([]);
  return collector.account();
}

/** Lines as another writer could have written them: with everything that a line can say. */
function kernelLines(lines: readonly object[]): string {
  return lines
    .map((line, seq) => {
      const head = { schema: 'assay.runner.kernel_event.v0', run_id: 'run_001', seq };
      return `${JSON.stringify({ ...head, ...line })}\n`;
    })
    .join('');
}

const open = (pid: number, value: string, access_mode: string, return_value: number) => ({
  pid,
  event_type: 1,
  kind: 'openat',
  value,
  return_value,
  access_mode,
  status: return_value < 0 ? 'error' : 'success',
});

describe('the account of an archive', () => {
  test('tells files by what became of them, programs, endpoints, processes and tool calls', async () => {
    const surface = {
      schema: 'assay.runner.capability_surface.v0',
      run_id: 'run_001',
      filesystem_paths: ['/etc/hosts', '/none', '/out'],
      network_endpoints: ['1.2.3.4:80'],
      process_execs: ['/bin/cat'],
      mcp_tools: [],
      policy_decisions: [],
    };
    const account = await accountOf({
      agentShim: 'openai-agents',
      sdkCalls: [{ id: 'call_1', tool: 'read_file' }],
      health: { ...fullSample.health, policy_layer: 'absent', network_protocol_coverage: 'connect_only' },
      replace: {
        'capability-surface.json': JSON.stringify(surface),
        'layers/kernel.ndjson': kernelLines([
          { pid: 7, event_type: 4, kind: 'exec', value: '/bin/cat' },
          open(7, '/etc/hosts', 'read', 3),
          open(7, '/etc/hosts', 'read', -13),
          open(8, '/out', 'write', -2),
          open(8, '/out', 'read_write', 4),
          open(8, '/none', 'read', -2),
          { pid: 8, event_type: 2, kind: 'connect', value: '1.2.3.4:80' },
          { pid: 8, event_type: 99, kind: 'event_99', value: 'x' },
        ]),
      },
    });
    expect(account.files).toEqual({
      total: 3,
      isLeast: false,
      shown: [
        { path: '/out', use: 'written', opens: 2, failed: 1 },
        { path: '/none', use: 'failed', opens: 1, failed: 1 },
        { path: '/etc/hosts', use: 'opened', opens: 2, failed: 1 },
      ],
    });
    expect(account.paths.written).toEqual({ total: 1, groups: [{ path: '/out', paths: 1, opens: 2 }] });
    expect(account.programs.shown).toEqual([{ path: '/bin/cat', times: 1 }]);
    expect(account.endpoints.shown).toEqual([{ endpoint: '1.2.3.4:80', kinds: ['connect'], calls: 1, failed: 0 }]);
    expect(account.processes.shown).toEqual([
      { pid: 7, program: '/bin/cat', opens: 2, network: 0, execs: 1 },
      { pid: 8, program: null, opens: 3, network: 1, execs: 0 },
    ]);
    expect(account.toolCalls.shown).toEqual([
      { id: 'call_1', tool: 'read_file', decision: null, reported: ['tool_call_started'] },
    ]);
    expect(account.stretches).toHaveLength(8);
    expect(account.stretches[0]).toEqual({ from: 0, files: 0, network: 0, programs: 1, others: 0 });
  });

  test('counts programs of which no path is told, and forgets for which the process became one', async () => {
    const account = await accountOf({
      ...fullSample,
      kernel: [
        { type: 4, kind: 'exec', value: '/bin/cat' },
        { type: 4, kind: 'exec', value: null },
      ],
    });
    expect([account.programs.total, account.unnamedPrograms]).toEqual([1, 1]);
    expect(account.processes.shown).toMatchObject([{ program: null, execs: 2 }]);
  });

  test('tells what a policy decided, and effects and blind spots of our own member', async () => {
    const effect = (seq: number, kind: string, call: string, more: object) =>
      `${JSON.stringify({ schema: 'toolcrib.effect.v1', run_id: 'run_001', seq, pid: 1, kind, call, ...more })}\n`;
    const calls = [changed('rename', []), changed('rename', []), executed('/none', -2), blindSpot('io_uring_setup')];
    const logs = (['policy', 'sdk'] as const).map((layer) => ({ layer, command_could_write: false, because: [] }));
    const capture = captured({ calls: [...calls, changed('bind', [])], logs });
    const account = await accountOf({
      ...fullSample,
      kernel: [],
      health: { ...kernelHealth(capture), notes: [] },
      replace: {
        'toolcrib/capture.json': JSON.stringify(capture),
        'toolcrib/effects.ndjson': [
          effect(0, 'effect', 'rename', {
            paths: [{ given: 'a' }, { given: 'b', absolute: '/w/b' }],
            status: 'success',
          }),
          effect(1, 'effect', 'rename', { paths: [{ given: null }], status: 'error', return_value: -2 }),
          effect(2, 'exec', 'execve', { paths: [{ given: '/none' }], status: 'error' }),
          effect(3, 'blind_spot', 'io_uring_setup', { detail: '8 entries' }),
          effect(4, 'effect', 'bind', { peer: { family: 'unix', path: '/run/x' } }),
        ].join(''),
      },
    });
    expect(account.toolCalls.shown[0]?.decision).toBe('allow');
    expect(account.effects.shown).toEqual([
      { call: 'rename', times: 2, failed: 1, examples: ['a -> /w/b', '?'] },
      { call: 'execve that started nothing', times: 1, failed: 1, examples: ['/none'] },
      { call: 'bind', times: 1, failed: 0, examples: ['unix:/run/x'] },
    ]);
    expect(account.blindSpots.shown).toEqual([
      { call: 'io_uring_setup', times: 1, failed: 0, examples: ['8 entries'] },
    ]);
  });

  test('shows so much and counts the rest; stretches of a long layer cover all of it', async () => {
    const kernel = Array.from({ length: 1000 }, (_, index) => ({ type: 1, kind: 'openat', value: `/a/${index}` }));
    const account = await accountOf({ ...fullSample, kernel }, { groups: 3, items: 10 });
    expect([account.files.total, account.files.shown.length]).toEqual([1000, 10]);
    expect(account.paths.opened.groups).toEqual([{ path: '/a/', paths: 1000, opens: 1000 }]);
    expect(account.stretches.length).toBeLessThanOrEqual(240);
    expect(account.stretches.reduce((sum, stretch) => sum + stretch.files, 0)).toBe(1000);
    expect(account.stretches.map(({ from }) => from)).toEqual(account.stretches.map((_, place) => place * 8));
  });
});
