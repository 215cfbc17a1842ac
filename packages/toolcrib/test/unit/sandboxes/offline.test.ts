import { expect, test } from 'vitest';
import { createHost } from '../../../src/flows/host.ts';
import { openSandbox } from '../../../src/flows/open-sandbox.ts';

test.each([
  ['docker:web', { DOCKER_HOST: 'tcp://127.0.0.1:1' }],
  ['docker:web', { DOCKER_HOST: 'tcp://engine.example:2376', DOCKER_TLS_VERIFY: '1' }],
  ['docker:web', { DOCKER_HOST: 'ssh://engine.example' }],
  ['podman:web', { CONTAINER_HOST: 'tcp://127.0.0.1:1' }],
])('offline, %s is not looked for at an engine of the network (%j)', async (sandbox, env) => {
  const host = createHost({ env: { HOME: '/no/such/home', ...env }, offline: true });
  await expect(openSandbox(host, sandbox)).rejects.toMatchObject({
    code: 'OFFLINE',
    hint: expect.stringContaining('unix socket') as string,
  });
});

test('offline, an engine behind a unix socket is asked', async () => {
  const host = createHost({ env: { DOCKER_HOST: 'unix:///no/such.sock' }, offline: true });
  await expect(openSandbox(host, 'docker:web')).rejects.toMatchObject({ code: 'UNREACHABLE' });
});
