import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import type { Store } from '../../../src/stores/store.ts';
import type { OciStoreOptions } from '../../../src/stores/oci/oci-store.ts';
import { openTestStore } from '../../contract/store-oci-client.ts';
import { bytesOf, sourceOf } from '../../contract/store-contract.ts';
import { finishedOf, publishInto, releaseOfSeed } from '../../contract/store-release.ts';
import { startFileServer } from '../../servers/http.ts';
import { startStandIn, type SeenRequest, type StandIn, type StandInOptions } from './oci-stand-in.ts';

const NAME = 'tool-amd64-v1';

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-oci-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A store in a stand-in of its own. */
async function use(
  standIn: StandInOptions,
  work: (store: Store, registry: StandIn) => Promise<void>,
  options: Partial<OciStoreOptions> = {},
): Promise<void> {
  await using registry = await startStandIn(standIn);
  const store = openTestStore(registry.host, 'some/repo', options);
  await work(store, registry);
  await store.close();
}

const uploads = (requests: readonly SeenRequest[]): readonly string[] =>
  requests.filter(({ path }) => path.includes('/uploads/')).map(({ method, size }) => `${method} ${size}`);

describe('an upload to a registry', () => {
  test('goes in one request, to the relative location that the registry named', () =>
    use({}, async (store, { requests }) => {
      const bytes = randomBytes(1000);
      await store.create(NAME, sourceOf(bytes));
      expect(uploads(requests).slice(0, 2)).toEqual(['POST 0', 'PUT 1000']);
      expect((await bytesOf(await store.fetch(NAME))).equals(bytes)).toBe(true);
    }));

  test('goes in chunks when the file is large', () =>
    use(
      {},
      async (store, { requests }) => {
        const bytes = randomBytes(2500);
        await store.create(NAME, sourceOf(bytes, 700));
        expect(uploads(requests).slice(0, 5)).toEqual(['POST 0', 'PATCH 1000', 'PATCH 1000', 'PATCH 500', 'PUT 0']);
        expect((await bytesOf(await store.fetch(NAME))).equals(bytes)).toBe(true);
      },
      { chunkedFrom: 2000, chunkSize: 1000 },
    ));

  test('goes in chunks when the registry takes nothing else, as large as it wants them', () =>
    use(
      { chunksOnly: true, minChunk: 1200 },
      async (store, { requests }) => {
        const bytes = randomBytes(2500);
        await store.create(NAME, sourceOf(bytes));
        const sent = ['POST 0', 'PUT 2500', 'PATCH 1200', 'PATCH 1200', 'PATCH 100', 'PUT 0'];
        expect(uploads(requests).slice(0, 6)).toEqual(sent);
        expect((await bytesOf(await store.fetch(NAME))).equals(bytes)).toBe(true);
      },
      { chunkSize: 1000 },
    ));

  test('is refused where chunks would have to be larger than memory should hold', () =>
    use({ chunksOnly: true, minChunk: 2 ** 40 }, async (store) => {
      const failure = await failureOf(store.create(NAME, sourceOf(randomBytes(2500))));
      expect(failure).toMatchObject({ code: 'REMOTE_REFUSED', details: { minChunk: 2 ** 40 } });
    }));

  test.each([500, 429])('begins anew after %i', async (status) => {
    let left = 2;
    const before: StandInOptions['before'] = ({ method, path }, response) => {
      if (method !== 'PUT' || !path.includes('/uploads/') || left === 0) return false;
      left -= 1;
      response.writeHead(status, { 'retry-after': '0' }).end();
      return true;
    };
    await use({ before }, async (store) => {
      const bytes = randomBytes(1000);
      expect(await store.create(NAME, sourceOf(bytes))).toBe('created');
      expect((await bytesOf(await store.fetch(NAME))).equals(bytes)).toBe(true);
    });
  });

  test('shows no credentials to the server that a registry sends its bytes to', () =>
    withFolder(async (folder) => {
      await using other = await startStandIn();
      const auth = Buffer.from('user:hush').toString('base64');
      const before: StandInOptions['before'] = ({ method, path, headers }, response) => {
        if (headers.authorization !== `Basic ${auth}`)
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        else if (method === 'POST' && path.includes('/uploads/'))
          response.writeHead(202, { location: `http://${other.host}/take?state=1` }).end();
        else return false;
        return true;
      };
      await using registry = await startStandIn({ before });
      await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));
      const store = openTestStore(registry.host, 'some/repo', { credentials: { dockerConfig: folder } });
      const failure = await failureOf(store.create(NAME, sourceOf(randomBytes(1000))));
      await store.close();
      expect(failure).toMatchObject({ code: 'REMOTE_REFUSED' });
      const taken = other.requests.map(({ method, path }) => `${method} ${path.replace(/digest=.*/, '')}`);
      expect(taken).toEqual(['PUT /take?state=1&']);
      expect(other.requests[0]?.headers.authorization).toBeUndefined();
    }));
});

describe('a registry that lies', () => {
  test('by other bytes than those of the digest is found out by who asks by name, and left to who pinned it', () =>
    use({}, async (store, { content }) => {
      const bytes = randomBytes(1000);
      const digest = digestOf(bytes);
      await store.create(NAME, sourceOf(bytes));
      content.set(digest, randomBytes(1000));
      expect(await failureOf(bytesOf(await store.fetch(NAME)))).toMatchObject({ code: 'DIGEST_MISMATCH' });
      expect(digestOf(await bytesOf(await store.fetch(NAME, { digest })))).not.toBe(digest);
    }));

  test.each(['blobs', 'manifests'])('in its header, about %s, is found out', async (kind) => {
    const wrong = `sha256:${'0'.repeat(64)}`;
    let lie: StandIn['content'] | undefined;
    const before: StandInOptions['before'] = ({ method, path }, response) => {
      if (lie === undefined || method !== 'GET' || !path.includes(`/${kind}/sha256`)) return false;
      const content = lie.get(path.slice(path.indexOf('sha256')));
      response.writeHead(200, { 'docker-content-digest': wrong }).end(content);
      return true;
    };
    await use({ before }, async (store, { content }) => {
      await publishInto(store, releaseOfSeed('one', 1));
      lie = content;
      expect(await failureOf(store.fetch('tool-amd64-v1'))).toMatchObject({ code: 'DIGEST_MISMATCH' });
    });
  });

  test('by another manifest than the index names is found out', () =>
    use({}, async (store, { content }) => {
      await publishInto(store, releaseOfSeed('one', 1));
      for (const [digest, bytes] of content) {
        if (bytes.includes('application/vnd.toolcrib.artifact.v1","config"'))
          content.set(digest, Buffer.from(`${bytes.toString()} `));
      }
      expect(await failureOf(store.fetch('tool-amd64-v1'))).toMatchObject({ code: 'DIGEST_MISMATCH' });
    }));

  test('by taking other bytes than it was given is found out', async () => {
    const before: StandInOptions['before'] = ({ method, path }, response) => {
      if (method !== 'PUT' || !path.includes('/manifests/')) return false;
      response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end();
      return true;
    };
    await use({ before }, async (store) => {
      expect(await failureOf(store.create(NAME, sourceOf(randomBytes(9))))).toMatchObject({ code: 'DIGEST_MISMATCH' });
    });
  });

  test.each([
    ['manifests', 5 * 1024 * 1024],
    ['tags', 9 * 1024 * 1024],
  ] as const)('by %s without end is read no further than is allowed', async (kind, size) => {
    const before: StandInOptions['before'] = ({ method, path }, response) => {
      if (method !== 'GET' || !path.includes(`/${kind}/`)) return false;
      response.end(Buffer.alloc(size, ' '));
      return true;
    };
    await use({ before }, async (store) => {
      const work = kind === 'tags' ? store.list('') : store.fetch(NAME);
      expect(await failureOf(work)).toMatchObject({ code: 'TOO_LARGE' });
    });
  });
});

describe('a list of tags', () => {
  test('is read page by page', () =>
    use({ tagPage: 2 }, async (store, { requests }) => {
      const names = [1, 2, 3, 4, 5].map((version) => `tool-amd64-v${version}`);
      for (const name of names) await store.create(name, sourceOf(Buffer.from(name)));
      expect(await store.list('tool-')).toEqual(names);
      expect(requests.filter(({ path }) => path.includes('/tags/list'))).toHaveLength(3);
    }));

  test('that has no end, or goes on elsewhere, is refused', async () => {
    const links = ['</v2/some/repo/tags/list?n=1>; rel="next"', '<http://127.0.0.1:1/v2/x/tags/list>; rel="next"'];
    for (const link of links) {
      const before: StandInOptions['before'] = ({ path }, response) => {
        if (!path.includes('/tags/')) return false;
        response.writeHead(200, { link }).end('{"tags":[]}');
        return true;
      };
      await use({ before }, async (store) => {
        expect(await failureOf(store.list(''))).toMatchObject({ code: 'REMOTE_REFUSED' });
      });
    }
  });

  test.each([
    [
      'of more tags than a store can have',
      JSON.stringify({ tags: Array.from({ length: 30_000 }, (_, at) => `t${at}`) }),
      7,
    ],
    ['of more bytes than a list may have', JSON.stringify({ tags: [], more: 'x'.repeat(3_000_000) }), 12],
  ])('%s, page by page, is read no further', async (_, page, most) => {
    const before: StandInOptions['before'] = (_request, response) => {
      response.writeHead(200, { link: '</v2/some/repo/tags/list?last=on>; rel="next"' }).end(page);
      return true;
    };
    await use({ before }, async (store, { requests }) => {
      expect(await failureOf(store.list(''))).toMatchObject({ code: 'TOO_LARGE' });
      expect(requests.length).toBeLessThanOrEqual(most);
    });
  });

  test('of versions that hold more files than a store can have is read no further', async () => {
    const versions = Array.from({ length: 60 }, (_, index) => index + 1);
    const digest = digestOf('');
    const before: StandInOptions['before'] = ({ path }, response) => {
      const version = /manifests\/v(\d+)$/.exec(path)?.[1];
      const names = ['t-v0.SHA256SUMS', ...Array.from({ length: 15_000 }, (_, at) => `t-amd64-x${at}-v0`)];
      const manifests = names.map((name) => ({
        ...{ mediaType: 'x', digest, size: 1 },
        annotations: { 'org.opencontainers.image.title': name.replace('v0', `v${version}`) },
      }));
      const body =
        version === undefined ? { tags: versions.map((each) => `v${each}`) } : { schemaVersion: 2, manifests };
      response.writeHead(200).end(JSON.stringify(body));
      return true;
    };
    await use({ before }, async (store, { requests }) => {
      expect(await failureOf(store.list(''))).toMatchObject({ code: 'TOO_LARGE' });
      expect(requests.length).toBeLessThan(40);
    });
  });
});

describe('an attestation', () => {
  test.each([true, false])('is found as a referrer of its artifact: referrers API %s', (referrers) =>
    use({ referrers }, async (store, { requests }) => {
      const release = releaseOfSeed('one', 1);
      const [attestation = ''] = [...release.files.keys()].filter((name) => name.endsWith('.dsse.json'));
      const artifact = attestation.replace('.dsse.json', '');
      for (const name of [...release.files.keys()].slice(0, 4)) {
        const source = release.files.get(name);
        if (source !== undefined) await store.create(name, source);
      }
      const source = release.files.get(attestation) ?? sourceOf(Buffer.alloc(0));
      expect(await store.fetch(attestation)).toBeUndefined();
      expect(await store.create(attestation, source)).toBe('created');
      expect(await store.create(attestation, sourceOf(Buffer.from('another')))).toBe('exists');
      expect(digestOf(await bytesOf(await store.fetch(attestation)))).toBe(source.digest);
      expect(await store.list(`${artifact}.`)).toEqual([attestation]);
      const tags = requests.filter(({ method, path }) => method === 'PUT' && path.includes('/manifests/sha256-'));
      expect(tags.length > 0).toBe(!referrers);
    }),
  );

  test('that comes after completion is found too', () =>
    use({ referrers: true }, async (store) => {
      const release = releaseOfSeed('one', 1);
      await publishInto(store, release);
      const late = sourceOf(Buffer.from('{"late":true}'));
      expect(await store.create('tool-amd64-v1.sigstore.json', late)).toBe('created');
      expect(digestOf(await bytesOf(await store.fetch('tool-amd64-v1.sigstore.json')))).toBe(late.digest);
      expect(await store.complete(finishedOf(release))).toBe('complete');
    }));

  test('is not lost when several are pushed at once to a registry without the referrers API', () =>
    use({}, async (store, { host }) => {
      await publishInto(store, releaseOfSeed('one', 1));
      const names = ['amd64', 'amd64-musl', 'arm64-any'].map((target) => `tool-${target}-v1.sigstore.json`);
      const others = names.map(() => openTestStore(host, 'some/repo'));
      await Promise.all(
        others.map((other, index) => other.create(names[index] ?? '', sourceOf(Buffer.from(`${index}`)))),
      );
      for (const [index, name] of names.entries())
        expect((await bytesOf(await store.fetch(name))).toString()).toBe(String(index));
      await Promise.all(others.map((other) => other.close()));
    }));
});

describe('a refusal', () => {
  const refusing = (status: number, message: string, code = 'DENIED'): StandInOptions => ({
    before(_, response) {
      const body = JSON.stringify({ errors: [{ code, message }] });
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      return true;
    },
  });

  test('is told in the words of the registry, on one line, and with the right that is missing', () =>
    use(refusing(403, `no\n\u001B[31m access ${'x'.repeat(5000)}`), async (store) => {
      const failure = await failureOf(store.create(NAME, sourceOf(Buffer.from('x'))));
      expect(failure).toMatchObject({ code: 'REMOTE_REFUSED', details: { status: 403, code: 'DENIED' } });
      expect(String(failure)).toMatch(/DENIED: no \\x1b\[31m access x{270,}…/);
      expect(String(failure).length).toBeLessThan(600);
      expect(failure).toMatchObject({ hint: expect.stringContaining('pull') as string });
      expect(await failureOf(store.list(''))).toMatchObject({ code: 'REMOTE_REFUSED' });
      const onMissing = vi.fn();
      expect(await store.fetch(NAME, { onMissing })).toBeUndefined();
      const url: unknown = expect.stringMatching(/\/v2\/.+\/$/);
      expect(onMissing.mock.calls).toEqual([[{ url, isHidden: true }]]);
    }));

  test('for a while is met with patience, then told', () =>
    use(refusing(429, 'slow down', 'TOOMANYREQUESTS'), async (store, { requests }) => {
      const failure = await failureOf(store.list(''));
      expect(failure).toMatchObject({ code: 'UNREACHABLE', details: { status: 429 } });
      expect(String(failure)).toContain('slow down');
      expect(requests).toHaveLength(4);
    }));

  test('that repeats the credentials does not show them', async () => {
    const authorization = `Basic ${Buffer.from('user:planted-secret').toString('base64')}`;
    const before: StandInOptions['before'] = ({ headers }, response) => {
      const said = `you sent ${headers.authorization ?? ''} planted-secret`;
      response.writeHead(403).end(JSON.stringify({ errors: [{ code: 'DENIED', message: said }] }));
      return true;
    };
    await using registry = await startStandIn({ before });
    const rewrite = [{ from: 'https://origin.invalid', to: `http://user:planted-secret@${registry.host}` }];
    const store = openTestStore('origin.invalid', 'some/repo', { rewrite });
    const failure = await failureOf(store.fetch(NAME));
    await store.close();
    expect(registry.requests[0]?.headers.authorization).toBe(authorization);
    const told = JSON.stringify([String(failure), failure]);
    expect(told).toContain('DENIED');
    expect(told).not.toContain('planted-secret');
    expect(told).not.toContain(authorization.slice('Basic '.length));
  });
});

describe('a rewrite rule for the token server of a registry', () => {
  const password = Buffer.from('user:planted-secret').toString('base64');

  /** Fetches where the registry names a token server of its own, and a rule leads from there to another one. */
  async function fetchWith(login: object, lead: 'elsewhere' | 'to the registry'): Promise<readonly string[]> {
    const tokenServer: StandInOptions['before'] = ({ method, path, headers }, response) => {
      if (!path.startsWith('/token')) return false;
      seen.push(`${method} ${headers.authorization ?? 'anonymous'}`);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"token":"t"}');
      return true;
    };
    const seen: string[] = [];
    await using stranger = await startStandIn({ before: tokenServer });
    await using registry = await startStandIn({
      before: (request, response) => {
        if (tokenServer(request, response)) return true;
        if (request.headers.authorization === 'Bearer t') return false;
        response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://tokens.invalid/token"' }).end();
        return true;
      },
    });
    const to = `http://${lead === 'elsewhere' ? stranger.host : registry.host}/token`;
    await withFolder(async (folder) => {
      await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [registry.host]: login } }));
      const store = openTestStore(registry.host, 'some/repo', {
        credentials: { dockerConfig: folder },
        rewrite: [{ from: 'http://tokens.invalid/token', to }],
      });
      expect(await store.fetch(NAME)).toBeUndefined();
      await store.close();
    });
    return seen;
  }

  test.each([
    ['password', { auth: password }],
    ['identity token', { auth: Buffer.from('user:').toString('base64'), identitytoken: 'planted-secret' }],
  ])('shows a server that only the configuration names no %s', async (_, login) => {
    expect(await fetchWith(login, 'elsewhere')).toEqual(['GET anonymous']);
  });

  test('shows the registry itself what is meant for it', async () => {
    expect(await fetchWith({ auth: password }, 'to the registry')).toEqual([`GET Basic ${password}`]);
  });
});

describe('an OCI store', () => {
  test('opens no socket when offline', async () => {
    await using server = await startFileServer({});
    const store = openTestStore(new URL(server.url).host, 'some/repo', { offline: true });
    for (const work of [store.fetch(NAME), store.list(''), store.create(NAME, sourceOf(Buffer.alloc(1)))])
      expect(await failureOf(work)).toMatchObject({ code: 'OFFLINE' });
    await store.close();
    expect(server.requests).toEqual([]);
  });

  test('holds one tool: a version of another one is refused before anything of it is shown', () =>
    use({}, async (store) => {
      await publishInto(store, releaseOfSeed('one', 1));
      const sums = sourceOf(Buffer.from(`${'0'.repeat(64)}  other-amd64-v1\n`));
      const failure = await failureOf(store.create('other-v1.SHA256SUMS', sums));
      expect(failure).toMatchObject({ code: 'VERSION_TAKEN', details: { found: 'tool' } });
      expect(String(failure)).toContain('a release of tool');
      expect(await store.fetch('other-v1.SHA256SUMS')).toBeUndefined();
    }));

  test('gives a pinned file by its digest, wherever the tags point', () =>
    use({}, async (store) => {
      const [first, second] = [sourceOf(Buffer.from('first')), sourceOf(Buffer.from('second'))];
      await store.create(NAME, first);
      expect(await store.create(NAME, second)).toBe('exists');
      for (const { digest } of [first, second]) {
        expect(digestOf(await bytesOf(await store.fetch(NAME, { digest })))).toBe(digest);
      }
      expect(await store.fetch(NAME, { digest: digestOf('never') })).toBeUndefined();
    }));

  test('keeps names that are too long for a tag', () =>
    use({}, async (store) => {
      const name = `${'t'.repeat(100)}-arm64-musl-v9007199254740991.dsse.json`;
      expect(await store.create(name, sourceOf(Buffer.from('x')))).toBe('created');
      expect(await store.list('t')).toEqual([name]);
      expect((await bytesOf(await store.fetch(name))).toString()).toBe('x');
    }));
});
