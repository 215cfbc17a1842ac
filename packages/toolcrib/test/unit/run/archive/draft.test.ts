import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../../src/core/digest.ts';
import { archiveBytes, createArchiveDraft, sealArchive, type ArchiveDraft } from '../../../../src/run/archive/write.ts';
import { failureOfAsync } from '../../core/failure.ts';

let directory = '';
let draft: ArchiveDraft;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'toolcrib-draft-'));
  draft = createArchiveDraft({ directory });
});
afterEach(async () => {
  await draft.discard();
  await rm(directory, { recursive: true, force: true });
});

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

const SECRET = `AKIA${'A'.repeat(16)}`;

describe('a draft of an archive', () => {
  test('gives the very archive that is made of the same members at once, however the text came', async () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => `${JSON.stringify({ text })}\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 20 }), fc.integer({ min: 1, max: 3000 }), async (lines, times) => {
        const text = lines.join('').repeat(lines.length === 0 ? 1 : times);
        const streamed = createArchiveDraft({ directory });
        for (let round = 0; round < times; round++) {
          for (const each of lines) streamed.member('layers/kernel.ndjson').append(each);
        }
        streamed.member('layers/kernel.ndjson');
        streamed.document('a.json', '{}');
        const whole = sealArchive('run_001', [
          { path: 'a.json', bytes: Buffer.from('{}') },
          { path: 'layers/kernel.ndjson', bytes: Buffer.from(text) },
        ]);
        const [one, other] = [
          await bytesOf(archiveBytes(await streamed.seal('run_001'))),
          await bytesOf(archiveBytes(whole)),
        ];
        await streamed.discard();
        expect(digestOf(one)).toBe(digestOf(other));
      }),
      { numRuns: 30 },
    );
  });

  test('keeps what is large on the disk, in files without a name, and is read again and again', async () => {
    const line = `${JSON.stringify({ text: 'x'.repeat(1000) })}\n`;
    const member = draft.member('layers/kernel.ndjson');
    for (let count = 0; count < 20_000; count++) {
      member.append(line);
      if (count % 100 === 0) await member.settled();
    }
    const sealed = await draft.seal('run_001');
    expect(await readdir(directory)).toEqual([]);
    const [first, second] = [await bytesOf(archiveBytes(sealed)), await bytesOf(archiveBytes(sealed))];
    expect(digestOf(first)).toBe(digestOf(second));
    const kernel = sealed.find(({ path }) => path === 'layers/kernel.ndjson');
    expect(kernel).toMatchObject({ size: 20_000 * line.length, digest: digestOf(line.repeat(20_000)) });
  });

  test.each([
    ['in the text', JSON.stringify({ text: SECRET })],
    ['behind an escape', JSON.stringify({ text: SECRET }).replace('A', String.raw`\u0041`)],
    ['as the name of a field', JSON.stringify({ [SECRET]: 1 })],
  ])('is refused when a secret is left %s, in lines and in documents', async (_, text) => {
    draft.document('a.json', text);
    expect(await failureOfAsync(() => draft.seal('run_001'))).toMatchObject({ code: 'ARCHIVE_REFUSED' });
    const lines = createArchiveDraft({ directory });
    lines.member('b.ndjson').append(`{"a":"\\\\"}\n${text}\n{}\n`);
    const failure = await failureOfAsync(() => lines.seal('run_001'));
    expect(failure).toMatchObject({ code: 'ARCHIVE_REFUSED', details: { member: 'b.ndjson' } });
    expect(failure.message).not.toContain(SECRET);
  });

  test('is not swept where redaction was switched off', async () => {
    const unswept = createArchiveDraft({ directory, sweep: false });
    unswept.document('a.json', JSON.stringify(SECRET));
    expect(await unswept.seal('run_001')).toHaveLength(2);
    await unswept.discard();
  });

  test('takes in whatever comes after a failure, without keeping it, and tells the failure at the end', async () => {
    const lost = createArchiveDraft({ directory: join(directory, 'gone') });
    const member = lost.member('layers/kernel.ndjson');
    for (let count = 0; count < 40; count++) {
      member.append(`"${'x'.repeat(200_000)}"\n`);
      await member.settled();
    }
    expect(await failureOfAsync(() => lost.seal('run_001'))).toMatchObject({ code: 'STORAGE' });
    await lost.discard();
  });
});
