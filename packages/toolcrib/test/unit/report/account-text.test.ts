import { describe, expect, test } from 'vitest';
import { printableLines } from '../../../src/core/printable.ts';
import { describeArchive } from '../../../src/report/archive-text.ts';
import { describeClaims } from '../../../src/report/claims-text.ts';
import { createAccountCollector } from '../../../src/run/archive/account.ts';
import { verifyArchive } from '../../../src/run/archive/verify.ts';
import { archiveBytes } from '../../../src/run/archive/write.ts';
import { fullSample, sampleMembers, type SampleParts } from '../run/archive/sample-archive.ts';

async function read(parts: SampleParts) {
  const collector = createAccountCollector();
  const inspection = await verifyArchive(archiveBytes(sampleMembers(parts)), { visitor: collector.visitor });
  return { inspection, text: describeArchive(inspection, collector.account()) };
}

describe('what a run touched, told to a person', () => {
  test('names files, endpoints, programs and tool calls with their decisions', async () => {
    const { text } = await read(fullSample);
    expect(text).toContain('files opened for reading, or not known for what: 1\n      1 x /tmp/input\n');
    expect(text).toContain('files that a gate kept closed: 1\n      1 x /etc/shadow\n');
    expect(text).toContain('network endpoints: 4\n');
    expect(text).toContain('programs started: 1\n      1 x /usr/bin/id\n');
    expect(text).toContain('read_file (call_1) policy: allow; SDK: tool_call_started\n');
  });

  test('counts programs without a path, rather than to say nothing of them', async () => {
    const unnamed = { type: 4, kind: 'exec', value: null };
    const { text } = await read({ ...fullSample, kernel: [unnamed, unnamed] });
    expect(text).toContain('programs started without a known path: 2\n');
    expect((await read(fullSample)).text).not.toContain('without a known path');
  });

  test('is capped, and the rest is counted', async () => {
    const kernel = Array.from({ length: 500 }, (_, index) => {
      return { type: 4, kind: 'exec', value: `/opt/tools/${index % 250}/run-${index}` };
    });
    const { text } = await read({ ...fullSample, kernel });
    expect(text).toContain('programs started: 500\n');
    expect(text).toContain('... and 488 more\n');
    expect(text.split('\n').length).toBeLessThan(70);
  });

  test('is not told where it cannot be attributed to the run', async () => {
    const { text } = await read({ kernel: fullSample.kernel ?? [] });
    expect(text).not.toContain('/tmp/input');
  });

  test('never acts upon a terminal and stays within 80 columns', async () => {
    const values = ['\u001b]0;title\u0007', '\u202egpj.exe', 'a\nb', `/${'x'.repeat(300)}`, '\u009b31m'];
    const kernel = values.flatMap((value) => [
      { type: 1, kind: 'openat', value },
      { type: 2, kind: 'connect', value },
      { type: 4, kind: 'exec', value },
    ]);
    const decisions = [{ id: '\u001b[2J', tool: '\u001b[3J', decision: '\u0000' }];
    const { text } = await read({
      ...fullSample,
      kernel,
      decisions,
      sdkCalls: [],
      health: { ...fullSample.health, sdk_layer: 'absent' },
    });
    expect(text).toBe(printableLines(text));
    expect(text).toContain(String.raw`\x1b]0;title\x07`);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});

describe('what may be claimed', () => {
  test('is told with the reasons, each once for all that it decides alike', async () => {
    const { inspection } = await read(fullSample);
    const text = describeClaims(inspection.claims, false);
    expect(text).toMatch(
      /^verdict: clean, which is about the record as a whole; what it supports:\n\nmay be claimed\n/,
    );
    expect(text).toContain('  this is what the agent SDK told of itself\n');
    expect(text).toContain('must not be claimed\n');
    expect(text.split('because the archive does not describe what was observed of it')).toHaveLength(2);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test('is nothing when the archive is refused or says nothing of its health', () => {
    expect(describeClaims(undefined, true)).toContain('Nothing may be claimed: the archive is refused');
    expect(describeClaims(undefined, false)).toContain('Nothing may be claimed: observation health');
  });
});
