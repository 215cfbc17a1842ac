import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatIdentity, ownIdentity } from '../../../src/disk/process-identity.ts';
import { openContainerMaker } from '../../../src/sandboxes/docker/make-container.ts';

const LABEL = 'toolcrib.validate';
const NOW = Date.UTC(2026, 0, 2);
const ELSEWHERE = '00000000-1-1';
const day = 24 * 3600;

/** What cannot be made to happen at a real engine: containers of other machines, and time that has passed. */
describe('a maker of containers', () => {
  let folder: string;
  let socket: string;
  let removed: string[];
  let answers: Record<string, unknown>;
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/v[\d.]+/, '').replace(/\?.*/, '');
    if (request.method === 'DELETE') removed.push(path);
    response.setHeader('Api-Version', '1.41').end(JSON.stringify(answers[path]));
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'maker-'));
    socket = join(folder, 'engine.sock');
    removed = [];
    answers = { '/_ping': 'OK', '/version': { Os: 'linux', Arch: 'amd64' } };
    await new Promise<void>((resolve) => {
      server.listen(socket, resolve);
    });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });
  const open = () =>
    openContainerMaker({ env: { DOCKER_HOST: `unix://${socket}` }, random: () => new Uint8Array(8), now: () => NOW });

  test('removes what dead processes left, and what nobody can say anything of when it is a day old', async () => {
    const created = NOW / 1000;
    const dead = formatIdentity({ ...ownIdentity(), start: 1 });
    answers['/containers/json'] = [
      { Id: 'dead', Names: ['/toolcrib-validate-dead'], Created: created, Labels: { [LABEL]: dead } },
      { Id: 'mine', Created: created - 9 * day, Labels: { [LABEL]: formatIdentity(ownIdentity()) } },
      { Id: 'old', Created: created - day - 1, Labels: { [LABEL]: ELSEWHERE } },
      { Id: 'new', Created: created - day + 60, Labels: { [LABEL]: ELSEWHERE } },
      { Id: 'odd', Created: created - 9 * day, Labels: { [LABEL]: 'of somebody else' } },
      { Id: 'timeless', Labels: { [LABEL]: ELSEWHERE } },
    ];
    const maker = await open();
    expect(await maker.sweep()).toEqual(['toolcrib-validate-dead', 'old']);
    expect(removed).toEqual(['/containers/dead', '/containers/old']);
    await maker.close();
  });

  test.each([
    ['linux', 'riscv64'],
    ['windows', 'amd64'],
  ])('refuses an engine that runs %s on %s', async (Os, Arch) => {
    answers['/version'] = { Os, Arch };
    await expect(open()).rejects.toMatchObject({
      code: 'EXEC_FAILED',
      message: expect.stringContaining(`${Os} ${Arch}, expected linux on amd64 or arm64`) as string,
    });
  });
});
