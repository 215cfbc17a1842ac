import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { agentShimEnvironment, findAgentShim, sdkLogEnvironment } from '../../../../src/run/ingest/agent-shim.ts';
import { AGENT_SHIMS } from '../../../../src/run/run-spec.ts';
import { createScratch } from '../../disk/scratch.ts';

const about = { runId: 'run_001', logPath: '/tmp/sdk.ndjson' };

describe('the environment of a command with an SDK log', () => {
  test('names the run, the log and its format', () => {
    expect(sdkLogEnvironment(about)).toEqual({
      ASSAY_RUNNER_RUN_ID: 'run_001',
      ASSAY_RUNNER_SDK_EVENT_LOG: '/tmp/sdk.ndjson',
      ASSAY_RUNNER_SDK_EVENT_SCHEMA: 'assay.runner.sdk_event.v0',
    });
  });

  test('with a shim makes Node load it from any path, after the options that are there', async () => {
    await using scratch = await createScratch();
    const folder = join(scratch.path, String.raw`a "quoted" \ folder é`);
    await mkdir(folder);
    const [first, shimPath] = [join(scratch.path, 'first.cjs'), join(folder, 'shim.cjs')];
    await writeFile(first, 'globalThis.order = ["first"];');
    await writeFile(shimPath, 'globalThis.order.push("shim");');
    const env = agentShimEnvironment({ ...about, shimPath, nodeOptions: `--require ${first}` });
    expect(execFileSync(process.execPath, ['-p', 'order.join()'], { env, encoding: 'utf8' })).toBe('first,shim\n');
    const alone = agentShimEnvironment({ ...about, shimPath: '/s.cjs', nodeOptions: ' ' });
    expect(alone).toEqual({ ...sdkLogEnvironment(about), NODE_OPTIONS: '--require "/s.cjs"' });
  });

  test.each(AGENT_SHIMS.filter((shim) => shim !== 'none'))('finds the shim %s', (shim) => {
    expect(findAgentShim(shim)).toMatch(new RegExp(`^/.*/shims/${shim}\\.ts$`));
  });

  test('has no shim of another name', () => {
    expect(() => findAgentShim('none')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  });
});
