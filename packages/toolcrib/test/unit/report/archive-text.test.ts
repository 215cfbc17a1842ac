import { describe, expect, test } from 'vitest';
import { printableLines } from '../../../src/core/printable.ts';
import { describeArchive, describeVerification, formatDuration } from '../../../src/report/archive-text.ts';
import { verifyArchive } from '../../../src/run/archive/verify.ts';
import { archiveBytes } from '../../../src/run/archive/write.ts';
import { fullSample, sampleMembers, type SampleParts } from '../run/archive/sample-archive.ts';

async function described(parts: SampleParts): Promise<string> {
  return describeArchive(await verifyArchive(archiveBytes(sampleMembers(parts))));
}

describe('the text of an archive', () => {
  test('of a run that nothing watched says so and claims nothing', async () => {
    const text = await described({ command: ['npm', 'run', "it's", '\u001b[2J'] });
    expect(text).toBe(
      [
        'run                   run_001',
        String.raw`command               npm run 'it'\''s' '\x1b[2J'`,
        'outcome               exit code 0 after 7 ms',
        'platform              linux',
        '',
        'start and end         recorded',
        'what the kernel saw   not recorded',
        'what a policy decided not recorded',
        'what the SDK reported not recorded',
        'redaction             0 places redacted (shape_and_flag)',
        '',
        'not known             Nothing watched what the command did: files, network and',
        '                      programs are not known.',
        '                      No policy decided about tool calls, or its log was not',
        '                      recorded.',
        '                      No agent SDK reported its tool calls.',
        '                      Who wrote the archive is not known: nobody signed it.',
        '',
        'verdict               not_applicable: the kernel was not watched: nothing can be',
        '                      claimed as measured',
        'because               kernel_layer is absent:',
        '                      absent_kernel_layer_blocks_measured_kernel_effect_claims',
        'claims                these happened: blocked; no others: blocked; it did not',
        '                      happen: blocked; policy decisions: blocked; reports of the',
        '                      SDK: blocked; by tool call: blocked (what of which, and',
        '                      why: archive show --claims)',
        '',
        'check                 consistent, not authentic: nobody signed it',
        '',
      ].join('\n'),
    );
  });

  test('of a run with every layer tells what each held, and who says so', async () => {
    const text = await described(fullSample);
    expect(text).toContain('what the kernel saw   8 events, none lost\n');
    expect(text).toContain('2 paths, 4 network endpoints, 1 program\n');
    expect(text).toContain('what a policy decided 1 decision\n');
    expect(text).toContain('what the SDK reported 1 event, self-reported\n');
  });

  test('tells what may be claimed as its gate does, not as its verdict alone would allow', async () => {
    const inspection = await verifyArchive(archiveBytes(sampleMembers(fullSample)));
    expect(inspection.verdict?.claim_gate.bounded_negative_claims).toBe('allowed');
    for (const text of [describeArchive(inspection), describeVerification(inspection)]) {
      const words = text.replaceAll(/\s+/g, ' ');
      expect(words).toContain('it did not happen: blocked;');
      expect(words).not.toContain('it did not happen: allowed');
    }
  });

  test('that no member says more of may be another writer\u2019s or have lost some, which only a signature tells', async () => {
    const text = describeVerification(await verifyArchive(archiveBytes(sampleMembers(fullSample))));
    expect(text.replaceAll(/\s+/g, ' ')).toContain(
      'origin no member says how it was recorded: another writer wrote it, or',
    );
    expect(describeVerification(await verifyArchive(archiveBytes(sampleMembers({}))))).not.toContain('origin');
  });

  test('does not count kernel events that cannot be attributed', async () => {
    const text = await described({ kernel: [{ type: 1, kind: 'openat', value: '/tmp/a' }] });
    expect(text.replaceAll(/\s+/g, ' ')).toContain(
      '1 event that cannot be attributed to this run: not counted as recorded',
    );
    expect(text).not.toContain('paths');
  });

  test('of a run that lost events, or was captured by others, or is ambiguous, says so', async () => {
    const lossy = { kernel_layer: 'partial_ringbuf_drops', ringbuf_drops: 4, capture_origin: 'third_party' } as const;
    const text = (
      await described({ ...fullSample, kernel: [], health: { ...fullSample.health, ...lossy } })
    ).replaceAll(/\s+/g, ' ');
    expect(text).toContain('0 events, at least 4 lost, captured by a third party');
    expect(text).toContain('correlation partial: policy_events_without_kernel_events');
    expect(text).toContain('clipped: events were lost: that something was not seen proves nothing');
  });

  test('of a run that did not start, or whose time was up, says why', async () => {
    const outcome = (spawn_error: string | null, timed_out: boolean) => ({
      replace: { 'toolcrib/outcome.json': JSON.stringify({ spawn_error, timed_out }) },
    });
    expect(await described(outcome('no such file', false))).toContain('not started: no such file');
    expect(await described(outcome(null, true))).toContain('exit code 0 after 7 ms, its time was up');
  });

  test('of a run that did not start says that nothing watched it, whoever stood ready', async () => {
    const inspection = await verifyArchive(archiveBytes(sampleMembers({})));
    const capture = { tier: 'ebpf', attribution: null, refusals: [], perturbations: [], ended_early: false };
    const notStarted = {
      ...inspection,
      summary: { ...inspection.summary, exitCode: null, spawnError: 'no such file' },
      reports: { ...inspection.reports, capture: { ...capture, survivors: 0, normaliser: null } },
    };
    const words = describeArchive(notStarted).replaceAll(/\s+/g, ' ');
    expect(words).toContain('watched by nothing: no command ran for programs in the kernel (ebpf) to watch');
    expect(words).not.toContain('Nothing watched what the command did');
  });

  test('of an older run in a sandbox says that 127 may be the word of the tool there', async () => {
    const inspection = await verifyArchive(archiveBytes(sampleMembers({})));
    const injection = { sandbox: 'docker:web', tool: 't', version: 1, protection: 'root-owned', after: 'running' };
    const exited = (exitCode: number) => ({
      ...inspection,
      summary: { ...inspection.summary, exitCode },
      reports: { ...inspection.reports, injection },
    });
    expect(describeArchive(exited(127)).replaceAll(/\s+/g, ' ')).toContain(
      'Whether the exit code is that of the command',
    );
    expect(describeArchive(exited(1))).not.toContain('Whether the exit code');
    expect(describeArchive(exited(1))).toContain('Who told how the command ended is not known.');
  });

  test('of a run whose sandbox was gone says that, and that its time was up', async () => {
    const inspection = await verifyArchive(archiveBytes(sampleMembers({})));
    const ended = { asked: 15, kernel: { exit_code: null, signal: 9 }, tool: null };
    const injection = { sandbox: 'docker:web', tool: 't', version: 1, protection: 'root-owned', after: 'gone', ended };
    const facts = {
      ...inspection,
      summary: { ...inspection.summary, exitCode: null, signal: null, timedOut: true },
      reports: { ...inspection.reports, injection },
    };
    const text = describeArchive(facts).replaceAll(/\s+/g, ' ');
    expect(text).toContain('neither an exit code nor a signal, its time was up');
    expect(text).toContain('How the command would have ended is not known: its sandbox was gone.');
    expect(text).not.toContain('nobody saw it');
  });

  test.each([
    ['nobody saw it', null, null, null, 'How the command ended is not known: nobody saw it.'],
    [
      'only the tool told',
      127,
      null,
      127,
      'How the command ended, only the tool told that started it there; nobody saw it.',
    ],
    ['the kernel told otherwise', 3, 3, 0, 'The tool that started the command told another end of it than the kernel'],
    ['both told the same', 3, 3, 3, undefined],
    ['the kernel told alone', 3, 3, null, undefined],
  ])('of a run in a sandbox says who told its end: %s', async (_who, exitCode, kernel, tool, words) => {
    const inspection = await verifyArchive(archiveBytes(sampleMembers({})));
    const told = (code: number | null) => (code === null ? null : { exit_code: code, signal: null });
    const sandbox = { sandbox: 'docker:web', tool: 't', version: 1, protection: 'root-owned', after: 'running' };
    const text = describeArchive({
      ...inspection,
      summary: { ...inspection.summary, exitCode },
      reports: { ...inspection.reports, injection: { ...sandbox, ended: { kernel: told(kernel), tool: told(tool) } } },
    }).replaceAll(/\s+/g, ' ');
    if (words === undefined) expect(text).not.toMatch(/ended, only|told another|nobody saw it/);
    else expect(text).toContain(words);
    expect(text).not.toContain('Whether the exit code');
  });

  test.each([
    ['that nobody watched, that only the sandbox told so', null, true],
    ['that was watched, no such thing', { pid: 7 }, false],
  ])('of a command that was not started says of one %s', async (_which, anchor, isUnseen) => {
    const inspection = await verifyArchive(archiveBytes(sampleMembers({})));
    const injection = {
      sandbox: 'docker:web',
      tool: 't',
      version: 1,
      protection: 'root-owned',
      after: 'running',
      anchor,
    };
    const text = describeArchive({
      ...inspection,
      summary: { ...inspection.summary, exitCode: null, spawnError: 'no such file' },
      reports: { ...inspection.reports, injection },
    }).replaceAll(/\s+/g, ' ');
    expect(text.includes('That it was not started, only the sandbox told; nobody saw it.')).toBe(isUnseen);
  });

  test.each([
    [null, 'it ended before the run was over; nobody counted what lived on'],
    [0, 'it ended before the run was over'],
    [2, 'it ended before the run was over 2 processes lived on when the recording ended'],
  ])('of a run that was left early says what was counted: %s', async (survivors, words) => {
    const health = { ...fullSample.health, kernel_layer: 'partial_ringbuf_drops' } as const;
    const inspection = await verifyArchive(archiveBytes(sampleMembers({ ...fullSample, health })));
    const capture = { tier: 'ebpf', attribution: 'proven', refusals: [], perturbations: [], normaliser: null };
    const reports = { ...inspection.reports, capture: { ...capture, ended_early: true, survivors } };
    const text = describeArchive({ ...inspection, reports }).replaceAll(/\s+/g, ' ');
    expect(text).toContain(words);
    expect(text.includes('and nobody counted what lived on')).toBe(survivors === null);
  });

  test.each([
    ['survivors', { survivors: 2 }, {}, 'processes lived on when the recording ended'],
    ['an early end', { ended_early: true }, {}, 'the observer was gone before the run was over'],
    ['tampering', {}, { bpf: 1 }, 'the observer could have been changed'],
    ['two of them', { survivors: 1 }, { bpf: 1 }, 'processes lived on when the recording ended, the observer could'],
    ['nothing that is told', {}, {}, 'not all was seen, and nothing says why'],
  ])('of a clipped run says why: %s', async (_what, changes, blind_spots, words) => {
    const health = { ...fullSample.health, kernel_layer: 'partial_ringbuf_drops', ringbuf_drops: 0 } as const;
    const inspection = await verifyArchive(archiveBytes(sampleMembers({ ...fullSample, kernel: [], health })));
    const capture = { tier: 'ebpf', attribution: 'proven', refusals: [], perturbations: [] };
    const normaliser = { hidden: {}, blind_spots };
    const text = describeArchive({
      ...inspection,
      reports: {
        ...inspection.reports,
        capture: { ...capture, ended_early: false, survivors: 0, normaliser, ...changes },
      },
    }).replaceAll(/\s+/g, ' ');
    expect(text).toContain(`clipped: ${words}`);
    expect(text).not.toMatch(/events were lost/i);
    expect(text).not.toMatch(/\d+ lost|some lost/);
  });

  test('of an archive that is refused draws no verdict from it, and names what is wrong', async () => {
    const text = await described({ ...fullSample, replace: { 'layers/sdk.ndjson': '{}\n' } });
    expect(text).toContain('none: the archive is refused');
    expect(text).toContain('REFUSED');
    expect(text).not.toContain('clean:');
    expect(text).toContain('layers/sdk.ndjson: line 1:');
  });

  test('of nothing at all is a text too', async () => {
    const text = describeArchive(await verifyArchive(new Uint8Array()));
    expect(text).toContain('REFUSED');
    expect(text).toContain('run                   unknown');
  });

  test('stays within 80 columns of printable characters', async () => {
    const text = await described({ ...fullSample, command: ['x'.repeat(200), 'é'.repeat(100), 'a b '.repeat(60)] });
    expect(text).toBe(printableLines(text));
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

test('a duration is told in the unit that a person would take', () => {
  expect([0, 999, 1000, 59_999, 60_000, 125_000].map(formatDuration)).toEqual([
    '0 ms',
    '999 ms',
    '1 s',
    '59.9 s',
    '1 min 0 s',
    '2 min 5 s',
  ]);
});
