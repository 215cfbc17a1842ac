import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderArchivePage } from '../../../../src/report/html/archive-page.ts';
import { markup } from '../../../../src/report/html/markup.ts';
import { createAccountCollector } from '../../../../src/run/archive/account.ts';
import { verifyArchive } from '../../../../src/run/archive/verify.ts';
import { archiveBytes } from '../../../../src/run/archive/write.ts';
import { capabilityDiff } from '../../../../src/run/diff/capability-diff.ts';
import { fullSample, sampleMembers, type SampleParts } from '../../run/archive/sample-archive.ts';

async function read(parts: SampleParts) {
  const collector = createAccountCollector();
  const facts = await verifyArchive(archiveBytes(sampleMembers(parts)), { visitor: collector.visitor });
  return { file: 'run.tar.gz', facts, account: collector.account() };
}

describe('the page of an archive', () => {
  test('tells what ran, what it touched, what may be claimed and what is not known', async () => {
    const page = renderArchivePage(await read({ ...fullSample, command: ['npm', 'test'] }));
    for (const text of ['npm test', 'exit code 0', '/tmp/input', '1.2.3.4:80', '/usr/bin/id', 'read_file', 'allow']) {
      expect(page).toContain(text);
    }
    for (const title of ['What ran', 'What it touched', 'What is not known', 'What may be claimed']) {
      expect(page).toContain(title);
    }
    expect(page).toContain('The archive keeps no clock that both');
  });

  test('says so when the archive is refused, and lets nothing be claimed', async () => {
    const page = renderArchivePage(await read({ ...fullSample, replace: { 'layers/sdk.ndjson': '{}\n' } }));
    expect(page).toContain('This archive is refused.');
    expect(page).toContain('Nothing: the archive is refused.');
    expect(page).not.toContain('verdict: clean');
  });

  test('tells the sandbox, and that it was gone', async () => {
    const page = await read(fullSample);
    const injection = { sandbox: 'docker:web', tool: 't', version: 1, protection: 'root-owned', after: 'gone' };
    const facts = { ...page.facts, reports: { ...page.facts.reports, injection } };
    const told = 'docker:web, started by t v1 (protection: root-owned); after the command the sandbox was gone';
    expect(renderArchivePage({ ...page, facts })).toContain(told);
  });

  test('counts programs without a path', async () => {
    const kernel = [{ type: 4, kind: 'exec', value: null }];
    expect(renderArchivePage(await read({ ...fullSample, kernel }))).toContain(
      'Programs started without a known path: 1.',
    );
  });

  test('shows the difference to another run', async () => {
    const page = await read(fullSample);
    const { summary, reports } = page.facts;
    const side = { runId: summary.runId ?? '', ...reports };
    const before = { ...side, surface: reports.surface && { ...reports.surface, process_execs: ['/usr/bin/gone'] } };
    const text = renderArchivePage({ ...page, diff: capabilityDiff(before, side) });
    expect(text).toContain('What is different');
    expect(text).toMatch(/class="removed".*\/usr\/bin\/gone/);
    expect(text).toMatch(/class="added".*\/usr\/bin\/id/);
  });

  test('allows its own style and script and nothing else, and leads nowhere', async () => {
    const page = renderArchivePage(await read(fullSample));
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    const hashOf = (tag: string): string => {
      const inside = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(page)?.[1] ?? '';
      return `'sha256-${createHash('sha256').update(inside).digest('base64')}'`;
    };
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `style-src ${hashOf('style')}`,
      `script-src ${hashOf('script')}`,
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
    ]);
    expect(page).not.toMatch(/(?:src|href)="(?!#|data:,)/);
    expect(page).not.toMatch(/\sstyle="|\son[a-z]+="/);
  });

  test('holds whatever an archive says as text', async () => {
    const hostile = [
      '</script><img src=x onerror=alert(1)>',
      '"><svg/onload=alert(1)>',
      "' onclick='x",
      '\u202e<b>',
      '&lt;',
    ];
    const kernel = hostile.flatMap((value) => [
      { type: 1, kind: 'openat', value },
      { type: 2, kind: 'connect', value },
      { type: 4, kind: 'exec', value },
    ]);
    const calls = hostile.map((text, index) => ({ id: `${index}${text}`, tool: text, decision: text }));
    const parts = { ...fullSample, command: hostile, kernel, decisions: calls, sdkCalls: calls };
    const page = renderArchivePage(await read(parts));
    expect(page).not.toContain('<svg/');
    expect(page.match(/<(?:img|script)\b/g)).toEqual(['<script']);
    expect(page).not.toContain('\u202e');
  });

  test('is capped, and tells what it leaves out', async () => {
    const kernel = Array.from({ length: 3000 }, (_, index) => ({ type: 1, kind: 'openat', value: `/data/${index}` }));
    const page = renderArchivePage(await read({ ...fullSample, kernel }));
    expect(page).toContain(
      '3000 different paths; shown are those for writing, blocked and not opened before others, in all 2000.',
    );
    expect(page.match(/class="use /g)).toHaveLength(2000);
  });
});

test('a text that is longer than any path is cut, and it is told by how much', () => {
  const { text } = markup`${'x'.repeat(1_000_000)}`;
  expect(text).toBe(`${'x'.repeat(4096)} ... (995904 more)`);
});

test('a template takes anything for text, and gives it back when it is read as HTML', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
      const { text: escaped } = markup`<p title="${text}">${text}</p>`;
      const inside = /^<p title="([^"<>]*)">([^"<>]*)<\/p>$/.exec(escaped);
      const decoded = inside?.[2]
        ?.replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&');
      expect([decoded, inside?.[1]]).toEqual([text, inside?.[2]]);
    }),
  );
});
