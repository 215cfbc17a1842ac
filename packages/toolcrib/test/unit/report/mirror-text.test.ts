import { expect, test } from 'vitest';
import { describeMirroring, type CopiedReleaseFacts, type MirrorFacts } from '../../../src/report/mirror-text.ts';

const RELEASE: CopiedReleaseFacts = {
  version: 1,
  anchor: 'pinned',
  artifacts: [{ name: 'tool-amd64-v1', attestation: 'untrusted', signer: null }],
  files: [{ name: 'tool-amd64-v1', outcome: 'created' }],
  leftOut: [],
  missingTargets: [],
  alreadyThere: false,
  highest: null,
};
const MIRRORING: MirrorFacts = {
  tool: 'tool',
  from: 'file:./a',
  to: 'file:./b',
  releases: [RELEASE],
  incomplete: [],
  revocations: { outcome: 'none', missing: [], replacement: null },
};

test('The report of a mirror names each attestation that was left out, why, and what takes it along', () => {
  const leftOut = [
    { name: 'tool-amd64-v1.dsse.json', reason: 'untrusted' },
    { name: 'tool-amd64-v1.sigstore.json', reason: 'unchecked' },
  ] as const;
  const lines = describeMirroring({ ...MIRRORING, releases: [{ ...RELEASE, leftOut }] }).split('\n');
  expect(lines).toContain('  left out tool-amd64-v1.dsse.json: nobody whom the policy trusts signed it');
  expect(lines).toContain('  left out tool-amd64-v1.sigstore.json: the project has no policy that could verify it');
  expect(lines.filter((line) => line.includes('or give --unverified-attestations'))).toHaveLength(1);
  expect(describeMirroring(MIRRORING)).not.toContain('left out');
});

test('The report of a mirror names the targets that a copied version lacks', () => {
  const partial = { ...RELEASE, anchor: 'attested', missingTargets: ['arm64', 'amd64-musl'] } as const;
  expect(describeMirroring({ ...MIRRORING, releases: [partial] })).toContain('it lacks arm64, amd64-musl, which');
  expect(describeMirroring(MIRRORING)).not.toContain('lacks');
});

test.each([
  ['unverified', 'or give --unverified-attestations'],
  ['unsupported', 'Keep the list under git.'],
  ['kept', 'compare the two'],
] as const)(
  'The report of a mirror tells what to do about a list of revoked releases that is %s',
  (outcome, advice) => {
    expect(describeMirroring({ ...MIRRORING, revocations: { outcome, missing: [], replacement: null } })).toContain(
      advice,
    );
  },
);

test.each([
  ['/p/tool.revoked.json', 'put this one over it by hand: /p/tool.revoked.json'],
  [null, 'sign one with "toolcrib revoke"'],
] as const)(
  'The report of a mirror tells what an older list of revoked releases lacks, and what replaces it: %s',
  (replacement, advice) => {
    const revocations = { outcome: 'outdated', missing: ['v3', 'v9'], replacement } as const;
    const text = describeMirroring({ ...MIRRORING, revocations });
    expect(text).toContain('file:./b has a list of revoked releases that lacks v3, v9');
    expect(text).toContain('never overwrites');
    expect(text).toContain(advice);
  },
);
