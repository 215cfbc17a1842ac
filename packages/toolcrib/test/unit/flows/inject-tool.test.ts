import { expect, test } from 'vitest';
import { UsageError } from '../../../src/core/errors.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { createHost } from '../../../src/flows/host.ts';
import { injectTool } from '../../../src/flows/inject-tool.ts';

const host = createHost({
  env: { HOME: '/nowhere', DOCKER_HOST: 'unix:///nowhere/docker.sock' },
  cwd: '/',
  offline: true,
  reporter: silentReporter,
});

test('a project that cannot be opened is told before a sandbox that cannot be', async () => {
  const project = Promise.reject(new UsageError('USAGE', 'its configuration is wrong'));
  await expect(injectTool(project, host, { sandbox: 'docker:web' })).rejects.toThrow('its configuration is wrong');
  await expect(injectTool(project, host, { sandbox: 'nothing' })).rejects.toThrow('its configuration is wrong');
});
