import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  formatReportFile,
  MAX_REPORT_BYTES,
  REPORT_SCHEMA,
  type ReportFile,
} from '../../../src/promote/report-file.ts';
import { toolcrib } from '../cli/command-line.ts';
import { inCheckout, promotionSite, TOKEN, type PromotionSite } from './promotion-site.ts';

const HOSTILE = 'x <img src=y> [z](https://evil.example) ![w](https://evil.example) @maintainer #7 www.evil.example `';

const REPORT: ReportFile = {
  ...{ schema: REPORT_SCHEMA, state: 'built', version: 2, passed: true, news: true, problem: null },
  check: {
    verdict: 'ok',
    rules: [{ rule: HOSTILE, store: HOSTILE, outcome: 'failed', message: HOSTILE, todo: HOSTILE }],
    build: { needed: true, reason: HOSTILE },
  },
};

/** `ci comment` in a checkout of the base, as the job of the workflow runs it. */
async function comment(site: PromotionSite, report: string, env: Readonly<Record<string, string>> = {}) {
  await writeFile(inCheckout(site, 'report.json'), report);
  return await commentOn(site, 'report.json', env);
}

const commentOn = (site: PromotionSite, file: string, env: Readonly<Record<string, string>> = {}) =>
  toolcrib(['ci', 'comment', '--report', file], {
    cwd: site.project.folder,
    env: { ...site.env, GITHUB_RUN_ID: '100', TOOLCRIB_PULL_REQUEST: '7', ...env },
  });

describe.concurrent('the comment on a pull request', () => {
  test('says what the report says, as text: no link, no image, no mention, no reference', async () => {
    await using site = await promotionSite();
    const end = await comment(site, formatReportFile({ ...REPORT, problem: HOSTILE }));
    expect(end, end.stderr).toMatchObject({ code: 0, stdout: 'comment created\n' });
    const [made, ...others] = site.actions.comments;
    expect(others).toEqual([]);
    const body = made?.body ?? '';
    const run = `${site.github.endpoint}/octo-org/demo/actions/runs/100`;
    const links = [...body.matchAll(/\]\(([^)]*)\)/g)].map(([, url]) => url);
    expect(links.filter((url) => url !== run && url !== `${run}#artifacts`)).toEqual([]);
    expect(links).toContain(run);
    const read = body.replaceAll(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
    expect(read).toContain('evil.example');
    expect(read).not.toMatch(/@maintainer|#7|https:\/\/evil|www\.evil/);
    expect(body).not.toMatch(/<img|!\[/);
  });

  test('takes the place of the one before, and none is made for what is no news', async () => {
    await using site = await promotionSite();
    const quiet = formatReportFile({ ...REPORT, state: 'none', news: false });
    expect((await comment(site, quiet)).stdout).toBe('comment none\n');
    expect((await comment(site, formatReportFile(REPORT))).stdout).toBe('comment created\n');
    expect((await comment(site, quiet)).stdout).toBe('comment updated\n');
    expect(site.actions.comments.map(({ body }) => body)).toEqual([
      expect.stringContaining('nothing had to be built') as unknown,
    ]);
  });

  test.each<readonly [string, (site: PromotionSite) => Promise<string>, number, string]>([
    [
      'that is larger than any',
      async (site) => {
        await writeFile(inCheckout(site, 'report.json'), ' '.repeat(MAX_REPORT_BYTES + 1));
        return 'report.json';
      },
      4,
      'has more than',
    ],
    [
      'with more in it than there is',
      async (site) => {
        await writeFile(inCheckout(site, 'report.json'), JSON.stringify({ ...REPORT, run: 'https://evil.example' }));
        return 'report.json';
      },
      4,
      'is no report of a build',
    ],
    [
      'that is a link to another file',
      async (site) => {
        await writeFile(inCheckout(site, 'real.json'), formatReportFile(REPORT));
        await symlink(inCheckout(site, 'real.json'), inCheckout(site, 'report.json'));
        return 'report.json';
      },
      7,
      'not a regular file',
    ],
    ['that is not there', () => Promise.resolve(join('nowhere', 'report.json')), 3, 'is not there'],
  ])('is not made of a report %s', async (_, prepare, code, word) => {
    await using site = await promotionSite();
    const file = await prepare(site);
    const end = await commentOn(site, file);
    expect(end.code).toBe(code);
    expect(end.stderr).toContain(word);
    expect(end.stderr).not.toContain(TOKEN);
    expect(site.github.requests).toEqual([]);
  });

  test('is of a job of the workflow: outside of one it is an error of usage', async () => {
    await using site = await promotionSite();
    for (const env of [{ TOOLCRIB_PULL_REQUEST: '' }, { GITHUB_RUN_ID: '' }]) {
      expect((await comment(site, formatReportFile(REPORT), env)).code).toBe(2);
    }
    expect(site.actions.comments).toEqual([]);
  });
});
