import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { fullSample, packed, sampleMembers, type SampleParts } from '../../unit/run/archive/sample-archive.ts';
import { toolcrib } from '../cli/command-line.ts';

const CHROMIUM = '/usr/bin/chromium';
const WIDTHS = [480, 1280] as const;

/** What would do something in a page, a style, an attribute or a script. */
const HOSTILE = [
  '</script><img src=x onerror="window.hit = 1">',
  '"><svg onload="window.hit = 1"></svg>',
  "' onmouseover='window.hit = 1",
  '<iframe src="https://example.org/"></iframe>',
  '</style><link rel=stylesheet href=https://example.org/x.css>',
  '<base href="https://example.org/">',
  '<!--',
  '&lt;b&gt;',
  'https://example.org/tracker.gif',
];

const hostileRun: SampleParts = {
  ...fullSample,
  command: HOSTILE,
  kernel: HOSTILE.flatMap((value) => [
    { type: 1, kind: 'openat', value },
    { type: 1, kind: 'openat', value: `/srv/${value}` },
    { type: 2, kind: 'connect', value },
    { type: 4, kind: 'exec', value },
  ]),
  decisions: HOSTILE.map((text, index) => ({ id: `${index}-${text}`, tool: text, decision: text })),
  sdkCalls: HOSTILE.map((text, index) => ({ id: `${index}-${text}`, tool: text })),
};

/** A page that was opened, and everything that it did besides being shown. */
interface OpenedPage extends AsyncDisposable {
  readonly page: Page;
  readonly deeds: readonly string[];
}

const missing = existsSync(CHROMIUM) ? undefined : 'chromium is not installed (scripts/setup installs it)';

describe('the report of a recorded run in a browser', requireOrSkip(missing), () => {
  let browser: Browser;
  let project: ScratchProject;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    project = await scratchProject();
  });
  afterAll(async () => {
    await browser.close();
    await project[Symbol.asyncDispose]();
  });

  /** @returns the path of the page. */
  async function report(name: string, parts: SampleParts, base?: SampleParts): Promise<string> {
    await writeFile(join(project.folder, `${name}.tar.gz`), await packed(sampleMembers(parts)));
    const others = base === undefined ? [] : [`${name}-base.tar.gz`];
    for (const other of others) await writeFile(join(project.folder, other), await packed(sampleMembers(base)));
    const args = ['archive', 'report', `${name}.tar.gz`, ...others, '-o', `${name}.html`];
    const { code, stderr } = await toolcrib(args, { cwd: project.folder });
    expect([code, stderr]).toEqual([0, '']);
    return join(project.folder, `${name}.html`);
  }

  async function open(path: string, options: { width: number; scripts?: boolean }): Promise<OpenedPage> {
    const { width, scripts = true } = options;
    const page = await browser.newPage({ viewport: { width, height: 900 }, javaScriptEnabled: scripts });
    const deeds: string[] = [];
    const url = pathToFileURL(path).href;
    page.on('console', (message) => deeds.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => deeds.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => deeds.push(`dialog: ${dialog.message()}`));
    page.on('request', (request) => {
      // The icon is part of the page: it stands in its own address.
      if (request.url() !== url && !request.url().startsWith('data:,')) deeds.push(`request: ${request.url()}`);
    });
    await page.goto(url);
    return { page, deeds, [Symbol.asyncDispose]: () => page.close() };
  }

  test.each(WIDTHS)('asks for nothing, complains of nothing and fits %i pixels', async (width) => {
    await using opened = await open(await report(`full-${width}`, fullSample, { ...fullSample, kernel: [] }), {
      width,
    });
    const { page, deeds } = opened;
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    expect(await page.locator('h2').allTextContents()).toContain('What is different');
    expect(deeds).toEqual([]);
  });

  test('shows hostile strings as they are, and does nothing that they say', async () => {
    await using opened = await open(await report('hostile', hostileRun, fullSample), { width: 1280 });
    const { page, deeds } = opened;
    await page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))");
    await page.locator('.command').hover();
    expect(await page.evaluate<boolean>("'hit' in window")).toBe(false);
    expect(await page.locator('img, iframe, base, link[rel=stylesheet], a:not([href^="#"])').count()).toBe(0);
    const told = await page.locator('#processes td code').allTextContents();
    for (const text of HOSTILE) expect(told).toContain(text);
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(1280);
    expect(deeds).toEqual([]);
  });

  test('filters rows, and has all of them without a script', async () => {
    const path = await report('filter', fullSample);
    await using opened = await open(path, { width: 1280 });
    const { page } = opened;
    const rows = page.locator('[data-row]:visible');
    await page.locator('#filter').fill('/usr/bin/id');
    expect(await rows.allTextContents()).toEqual([expect.stringContaining('/usr/bin/id')]);
    await using plain = await open(path, { width: 1280, scripts: false });
    expect(await plain.page.locator('#filter').isVisible()).toBe(false);
    expect(await plain.page.locator('#files').textContent()).toContain('shadow');
    expect(plain.deeds).toEqual([]);
  });
});
