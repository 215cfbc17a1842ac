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
    const isKnown = request.method === 'DELETE' || answers[decodeURIComponent(path)] !== undefined;
    response.statusCode = isKnown ? 200 : 404;
    response.setHeader('Api-Version', '1.41').end(JSON.stringify(answers[decodeURIComponent(path)]));
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

  interface Listed {
    readonly id: string;
    readonly name?: string;
    readonly label: string;
    readonly created?: number;
    readonly entrypoint?: readonly string[];
    readonly image?: string;
  }

  /** Has the engine list these, and tell of each what it was made with. */
  function listing(...containers: readonly Listed[]): void {
    answers['/images/sha256:plain/json'] = { Config: { Labels: null } };
    answers['/containers/json'] = containers.map(({ id, name = nameOf(id), label, created }) => ({
      Id: id,
      Names: [`/${name}`],
      ...(created !== undefined && { Created: created }),
      Labels: { [LABEL]: label },
    }));
    for (const { id, label, entrypoint = ['/.toolcrib-wait'], image = 'sha256:plain' } of containers) {
      answers[`/containers/${id}/json`] = {
        Image: image,
        Config: { Entrypoint: entrypoint, Labels: { [LABEL]: label } },
      };
    }
  }
  const nameOf = (id: string) => `toolcrib-validate-${Buffer.from(id.padEnd(8)).toString('hex').slice(0, 16)}`;
  const DEAD = formatIdentity({ ...ownIdentity(), start: 1 });

  test('removes what dead processes left, and what nobody can say anything of when it is a day old', async () => {
    const created = NOW / 1000;
    listing(
      { id: 'dead', created, label: DEAD },
      { id: 'mine', created: created - 9 * day, label: formatIdentity(ownIdentity()) },
      { id: 'old', created: created - day - 1, label: ELSEWHERE },
      { id: 'new', created: created - day + 60, label: ELSEWHERE },
      { id: 'odd', created: created - 9 * day, label: 'of somebody else' },
      { id: 'timeless', label: ELSEWHERE },
    );
    const maker = await open();
    expect(await maker.sweep()).toEqual([nameOf('dead'), nameOf('old')]);
    expect(removed).toEqual(['/containers/dead', '/containers/old']);
    await maker.close();
  });

  test.each<[string, Partial<Listed>]>([
    ['a name of its own', { name: 'web' }],
    ['a name that resembles', { name: 'toolcrib-validate-web' }],
    ['a name that only begins so', { name: `${nameOf('other')}-2` }],
    ['another first program', { entrypoint: ['/bin/sh'] }],
    ['another first program besides', { entrypoint: ['/.toolcrib-wait', 'and'] }],
    ['its label from its image', { image: 'sha256:labelled' }],
    ['an image that is gone', { image: 'sha256:gone' }],
  ])("leaves somebody else's container alone, which has the label of a dead process and %s", async (_, other) => {
    listing({ id: 'other', label: DEAD, created: NOW / 1000, ...other });
    answers['/images/sha256:labelled/json'] = { Config: { Labels: { [LABEL]: DEAD } } };
    const maker = await open();
    expect(await maker.sweep()).toEqual([]);
    expect(removed).toEqual([]);
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
