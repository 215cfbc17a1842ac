import fc from 'fast-check';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatEnvelope, signEnvelope } from '../../../src/attestations/dsse.ts';
import { readKnownRevocations, type RevocationPlaces } from '../../../src/attestations/known-revocations.ts';
import {
  extendRevocations,
  formatRevocationList,
  parseRevocationList,
  refuseRevoked,
  REVOCATIONS_PAYLOAD_TYPE,
  signRevocationList,
  verifyRevocations,
  type RevocationList,
} from '../../../src/attestations/revocations.ts';
import { RemoteError } from '../../../src/core/errors.ts';
import { onePiece } from '../../../src/core/one-piece.ts';
import { revocationListName } from '../../../src/core/release-names.ts';
import { silentReporter, type Notice } from '../../../src/core/reporter.ts';
import { failureOf, failureOfAsync } from '../core/failure.ts';
import { digest, toolName, version } from '../core/vocabulary.ts';
import { createScratch } from '../disk/scratch.ts';
import { createKey, SUBJECT, type TestKey } from './samples.ts';

const alice = createKey();
const mallory = createKey();
const TOOL = 'sandbox-tools';
const empty: RevocationList = { tool: TOOL, issued: '2026-01-01T00:00:00.000Z', versions: [], digests: [] };
const revoking = (...versions: readonly number[]): RevocationList => ({
  ...empty,
  versions: versions.map((each) => ({ version: each, reason: `v${each} leaks` })),
});
const verified = (list: RevocationList, key: TestKey = alice, tool = TOOL) =>
  verifyRevocations(signRevocationList(list, key.privateKey), { where: 'FILE', tool, keys: [alice] });

const reason = fc.string({ minLength: 1, maxLength: 1000 });
const issued = fc
  .date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());
const revocationList: fc.Arbitrary<RevocationList> = fc.record({
  tool: toolName.filter((name) => name.length <= 100),
  issued,
  versions: fc.array(fc.record({ version, reason }), { maxLength: 5 }),
  digests: fc.array(fc.record({ digest, reason }), { maxLength: 5 }),
});

describe('a list of revocations', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(revocationList, (list) => {
        const text = formatRevocationList(list);
        expect(parseRevocationList(Buffer.from(text), 'FILE')).toEqual(list);
        expect(formatRevocationList(parseRevocationList(Buffer.from(text), 'FILE'))).toBe(text);
      }),
    );
  });

  test.each<[string, object]>([
    ['another schema', { schema: 'toolcrib.revocations.v2' }],
    ['an unknown key', { except: [1] }],
    ['no date', { issued: 'yesterday' }],
    ['a version that is none', { versions: [{ version: 0, reason: 'x' }] }],
    ['a version without a reason', { versions: [{ version: 1 }] }],
    ['a digest that is none', { digests: [{ digest: `sha256:${'A'.repeat(64)}`, reason: 'x' }] }],
    ['another kind of tool', { tool: '../x' }],
  ])('is refused with %s', (_, change) => {
    const json = { ...(JSON.parse(formatRevocationList(empty)) as object), ...change };
    const error = failureOf(() => parseRevocationList(Buffer.from(JSON.stringify(json)), 'FILE'));
    expect(error.code).toBe('MALFORMED');
  });

  test('counts only when a trusted key signed it, for this tool, as such a list', () => {
    expect(verified(revoking(2))).toEqual({ list: revoking(2), where: 'FILE', keyid: alice.keyid });
    expect(failureOf(() => verified(revoking(2), mallory)).code).toBe('ATTESTATION_UNTRUSTED');
    expect(failureOf(() => verified(revoking(2), alice, 'other-tools')).code).toBe('ATTESTATION_WRONG');
    const envelope = {
      ...signEnvelope(REVOCATIONS_PAYLOAD_TYPE, Buffer.from(formatRevocationList(empty)), alice.privateKey),
    };
    const of = (change: object) => Buffer.from(formatEnvelope({ ...envelope, ...change }));
    const read = (bytes: Uint8Array) => verifyRevocations(bytes, { where: 'FILE', tool: TOOL, keys: [alice] });
    expect(failureOf(() => read(of({ payload: Buffer.from(formatRevocationList(revoking(1))) }))).code).toBe(
      'ATTESTATION_WRONG',
    );
    const other = signEnvelope(
      'application/vnd.in-toto+json',
      Buffer.from(formatRevocationList(empty)),
      alice.privateKey,
    );
    expect(failureOf(() => read(Buffer.from(formatEnvelope(other)))).code).toBe('ATTESTATION_WRONG');
    expect(failureOf(() => read(Buffer.from('{}'))).code).toBe('MALFORMED');
    expect(failureOf(() => read(Buffer.alloc(2_000_000))).code).toBe('TOO_LARGE');
  });

  test('never counts with a flipped bit', () => {
    const bytes = signRevocationList(revoking(2), alice.privateKey);
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 3) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      failureOf(() => verifyRevocations(flipped, { where: 'FILE', tool: TOOL, keys: [alice] }));
    }
  });

  test('refuses a version, a digest, and says why', () => {
    const error = failureOf(() => refuseRevoked([verified(revoking(1, 2))], SUBJECT));
    expect([error.code, error.message]).toEqual(['REVOKED', `${SUBJECT.name} is revoked: v2 leaks`]);
    expect(error.details).toMatchObject({ reason: 'v2 leaks', list: 'FILE' });
    const byDigest = { ...empty, digests: [{ digest: SUBJECT.digest, reason: 'backdoor' }] };
    expect(failureOf(() => refuseRevoked([verified(empty), verified(byDigest)], SUBJECT)).message).toContain(
      'backdoor',
    );
    refuseRevoked([verified(revoking(1, 3, 22))], SUBJECT);
    refuseRevoked([], SUBJECT);
  });

  test('grows and never shrinks', () => {
    const revocation = fc.record({
      versions: fc.array(version, { maxLength: 4 }),
      digests: fc.array(digest, { maxLength: 4 }),
      reason,
    });
    fc.assert(
      fc.property(
        fc.array(revocation, { maxLength: 5 }),
        fc.array(fc.nat({ max: 1e12 }), { minLength: 5 }),
        (all, times) => {
          let list: RevocationList | undefined;
          all.forEach((each, at) => {
            const next = extendRevocations(TOOL, list, each, times[at] ?? 0);
            if (next === undefined) return;
            if (list !== undefined) expect(next.issued > list.issued).toBe(true);
            expect(next.versions.slice(0, list?.versions.length ?? 0)).toEqual(list?.versions ?? []);
            expect(next.digests.slice(0, list?.digests.length ?? 0)).toEqual(list?.digests ?? []);
            list = next;
          });
          expect(new Set((list?.versions ?? []).map((entry) => entry.version))).toEqual(
            new Set(all.flatMap((each) => each.versions)),
          );
          expect(new Set((list?.digests ?? []).map((entry) => entry.digest))).toEqual(
            new Set(all.flatMap((each) => each.digests)),
          );
        },
      ),
    );
  });
});

describe('what is known to be revoked', () => {
  const storeOf = (bytes: Uint8Array | Error | undefined, names: string[] = []) => ({
    reference: 'file:/store',
    fetch: (name: string) => {
      names.push(name);
      if (bytes instanceof Error) return Promise.reject(bytes);
      const opened = bytes && { size: bytes.byteLength, url: `file:/store/${name}`, bytes: onePiece(bytes) };
      return Promise.resolve(opened);
    },
  });
  const placesIn = (folder: string, more: Partial<RevocationPlaces> = {}): RevocationPlaces => ({
    tool: TOOL,
    keys: [alice],
    projectFile: join(folder, revocationListName(TOOL)),
    keptIn: join(folder, 'cache', 'revocations'),
    reporter: silentReporter,
    ...more,
  });
  const isRefused = (known: { refuse(subject: typeof SUBJECT): void }): boolean => {
    try {
      known.refuse(SUBJECT);
      return false;
    } catch {
      return true;
    }
  };

  test('is what the project and the stores say together', async () => {
    await using scratch = await createScratch();
    const places = placesIn(scratch.path);
    const known = await readKnownRevocations(places);
    expect(isRefused(known)).toBe(false);
    const names: string[] = [];
    await known.ask(storeOf(undefined, names));
    await known.ask(storeOf(signRevocationList(revoking(1), alice.privateKey)));
    expect([isRefused(known), names]).toEqual([false, ['sandbox-tools.revoked.json']]);
    await known.ask(storeOf(signRevocationList(revoking(2), alice.privateKey)));
    expect(isRefused(known)).toBe(true);
    await writeFile(places.projectFile ?? '', signRevocationList(revoking(2), alice.privateKey));
    expect(isRefused(await readKnownRevocations({ ...places, keptIn: join(scratch.path, 'none') }))).toBe(true);
  });

  test('is not forgotten when a store goes back to an older list, or gives none', async () => {
    await using scratch = await createScratch();
    const newer = { ...revoking(2), issued: '2026-02-01T00:00:00.000Z' };
    await (
      await readKnownRevocations(placesIn(scratch.path))
    ).ask(storeOf(signRevocationList(newer, alice.privateKey)));
    const later = await readKnownRevocations(placesIn(scratch.path));
    await later.ask(storeOf(signRevocationList(revoking(1), alice.privateKey)));
    expect(isRefused(later)).toBe(true);
    expect(isRefused(await readKnownRevocations(placesIn(scratch.path)))).toBe(true);
  });

  test('is of the later edition by its instant, however that is written', async () => {
    await using scratch = await createScratch();
    const ask = async (list: RevocationList) =>
      (await readKnownRevocations(placesIn(scratch.path))).ask(storeOf(signRevocationList(list, alice.privateKey)));
    await ask({ ...revoking(1), issued: '2026-02-01T00:00:00Z' });
    await ask({ ...revoking(1, 2), issued: '2026-02-01T00:00:00.500Z' });
    expect(isRefused(await readKnownRevocations(placesIn(scratch.path)))).toBe(true);
  });

  test('is kept whole: what is broken in the cache does not count', async () => {
    await using scratch = await createScratch();
    const places = placesIn(scratch.path);
    await (await readKnownRevocations(places)).ask(storeOf(signRevocationList(revoking(2), alice.privateKey)));
    const [name = ''] = await readdir(places.keptIn);
    const bytes = await readFile(join(places.keptIn, name));
    await writeFile(join(places.keptIn, name), bytes.subarray(1));
    expect(isRefused(await readKnownRevocations(places))).toBe(false);
    expect(isRefused(await readKnownRevocations({ ...places, keys: [mallory] }))).toBe(false);
  });

  test('stops everything when a list is there that does not count', async () => {
    await using scratch = await createScratch();
    const places = placesIn(scratch.path);
    const known = await readKnownRevocations(places);
    const forged = signRevocationList(empty, mallory.privateKey);
    expect((await failureOfAsync(() => known.ask(storeOf(forged)))).code).toBe('ATTESTATION_UNTRUSTED');
    expect((await failureOfAsync(() => known.ask(storeOf(Buffer.from('<html>'))))).code).toBe('MALFORMED');
    await writeFile(places.projectFile ?? '', forged);
    expect((await failureOfAsync(() => readKnownRevocations(places))).code).toBe('ATTESTATION_UNTRUSTED');
    expect((await failureOfAsync(() => readKnownRevocations({ ...places, keys: [] }))).code).toBe(
      'ATTESTATION_UNTRUSTED',
    );
    await chmod(places.projectFile ?? '', 0o600);
    await writeFile(places.projectFile ?? '', 'rubbish');
    expect((await failureOfAsync(() => readKnownRevocations(places))).code).toBe('MALFORMED');
  });

  test('is asked of no store that nobody could believe, and an unreachable one is told', async () => {
    await using scratch = await createScratch();
    const notices: Notice[] = [];
    const reporter = { ...silentReporter, notice: (notice: Notice) => void notices.push(notice) };
    const known = await readKnownRevocations(placesIn(scratch.path, { reporter }));
    await known.ask(storeOf(new RemoteError('REMOTE_REFUSED', 'the store is closed')));
    expect(notices).toEqual([
      { kind: 'warning', text: 'file:/store does not say what is revoked: the store is closed' },
    ]);
    const names: string[] = [];
    await (await readKnownRevocations(placesIn(scratch.path, { keys: [] }))).ask(storeOf(Buffer.from('{}'), names));
    expect(names).toEqual([]);
  });
});
