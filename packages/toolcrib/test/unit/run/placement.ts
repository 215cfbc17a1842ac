import type { PlacementFacts } from '../../../src/run/reports/injection-record.ts';

/** Of a tool in a container, by which no command was watched. */
export const PLACEMENT: PlacementFacts = {
  sandbox: 'docker:agent',
  engine: 'e',
  id: 'i',
  started_at: '',
  tool: 'sandbox-tools',
  version: 2,
  target: 'amd64-any',
  digest: `sha256:${'0'.repeat(64)}`,
  directory: '/var/lib/toolcrib/x',
  rung: 'archive',
  protection: 'root-owned',
  why: '',
  read_back: 'engine',
  proven_at: 1,
  reused: false,
  anchor: null,
  after: 'running',
};
