import { createReadStream, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { surfaceSchema } from '../../../../src/run/reports/capability-surface.ts';
import { correlationSchema } from '../../../../src/run/reports/correlation-report.ts';
import { fidelityVerdict } from '../../../../src/run/reports/fidelity-verdict.ts';
import { kernelEventFrom } from '../../../../src/run/layers/kernel-event.ts';
import { formatHealth, healthSchema } from '../../../../src/run/reports/observation-health.ts';
import { SECRET_SHAPES } from '../../../../src/run/redaction/secret-shapes.ts';
import { verifyArchive } from '../../../../src/run/archive/verify.ts';
import { conformanceFile, needsConformanceSamples } from './conformance.ts';

function read(name: string): unknown {
  return JSON.parse(readFileSync(conformanceFile(name), 'utf8'));
}

describe('what other software wrote', needsConformanceSamples(), () => {
  test.each([
    ['slice3-1.tar.gz', 10],
    ['kernel-event-v0-1.tar.gz', 12],
  ])('verifies: %s', async (name, kernelLines) => {
    const { findings, verdict, summary, unchecked } = await verifyArchive(createReadStream(conformanceFile(name)));
    expect(findings).toEqual([]);
    expect(unchecked).toEqual([]);
    expect(verdict?.verdict).toBe('clean');
    expect(summary.layers).toEqual({ kernel: kernelLines, policy: 0, sdk: 3 });
  });

  test('verifies in whatever pieces it arrives', async () => {
    const bytes = readFileSync(conformanceFile('kernel-event-v0-1.tar.gz'));
    async function* bytewise() {
      for (const byte of bytes) yield await Promise.resolve(Uint8Array.of(byte));
    }
    expect((await verifyArchive(bytewise())).findings).toEqual([]);
  });

  test('is refused where a member is not what the manifest says, naming the member and both digests', async () => {
    const { findings } = await verifyArchive(readFileSync(conformanceFile('slice2-1-digest-mismatch.tar.gz')));
    expect([...new Set(findings.map(({ rule }) => rule))].sort()).toEqual(['digest_mismatch', 'size_mismatch']);
    expect([...new Set(findings.map(({ member }) => member))].sort()).toEqual([
      'capability-surface.json',
      'correlation-report.json',
      'observation-health.json',
    ]);
    expect(
      findings.find(({ rule, member }) => rule === 'digest_mismatch' && member === 'correlation-report.json'),
    ).toEqual({
      rule: 'digest_mismatch',
      member: 'correlation-report.json',
      message:
        'its digest is sha256:bcfc754bfbc21c32ded07da439e8c606e606ee3b605e3be04314be0447e9f6ca, the manifest says ' +
        'sha256:10f023c1d21990842677c0b483a59d00aae25a910fe177bbffa3ed52c4457acc',
    });
  });

  test('has the same table of secret shapes', () => {
    const ours = SECRET_SHAPES.map(({ rule, pattern }) => ({
      name: rule,
      pattern: `${pattern.ignoreCase ? '(?i)' : ''}${pattern.source}`,
    }));
    expect(read('secret-rules.v1.json')).toMatchObject({ schema: 'assay.secret-rules.v1', rules: ours });
  });

  test('has kernel lines like the examples of the schema', () => {
    const schema = read('kernel-event-v0.schema.json');
    const examples =
      typeof schema === 'object' && schema !== null && 'examples' in schema ? schema.examples : undefined;
    expect(Array.isArray(examples) && examples.length).toBe(6);
    for (const example of Array.isArray(examples) ? examples : [])
      expect(kernelEventFrom(example)).toBeTypeOf('object');
  });

  test('has golden reports that are read, judged and written the same', () => {
    const suffix = 'openai-agents-kernel-policy-v0.json';
    const health = healthSchema.parse(read(`golden-observation-health-${suffix}`));
    expect(JSON.parse(formatHealth(health))).toEqual(read(`golden-observation-health-${suffix}`));
    expect(fidelityVerdict(health).verdict).toBe('clean');
    expect(surfaceSchema.safeParse(read(`golden-capability-surface-${suffix}`)).success).toBe(true);
    expect(correlationSchema.safeParse(read(`golden-correlation-report-${suffix}`)).success).toBe(true);
  });
});
