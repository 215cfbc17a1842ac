import type { CaptureRecord } from './capture-record.ts';
import {
  DESCRIPTOR_SCHEMA,
  DIMENSIONS,
  observesClass,
  type CoverageDescriptor,
  type Dimension,
} from './coverage-descriptor.ts';
import type { ObservationHealth } from './observation-health.ts';
import { CLAIM_CLASSES, runCoverage, type RunCoverage } from './run-coverage.ts';

/**
 * Where `toolcrib/coverage.json` contradicts itself or health, or claims more than the capture supports, one sentence
 * each. Texts may differ between versions; classes and the codes of blind spots count.
 * @param capture undefined where the archive has none.
 */
export function coverageProblems(
  coverage: RunCoverage,
  { health, capture }: { readonly health: ObservationHealth; readonly capture: CaptureRecord | undefined },
): readonly string[] {
  const { descriptors } = coverage;
  const problems = [
    ...setProblems(descriptors),
    ...descriptors.flatMap(formProblems),
    ...networkProblems(descriptors, health),
  ];
  if (health.kernel_layer === 'absent' && descriptors.length > 0) {
    problems.push('kernel_layer is absent, but something is described as observed');
  }
  return capture === undefined
    ? problems
    : [...problems, ...claimProblems(descriptors, runCoverage(capture).descriptors)];
}

function setProblems(descriptors: readonly CoverageDescriptor[]): readonly string[] {
  const order = descriptors.map(({ dimension }) => DIMENSIONS.indexOf(dimension));
  const isSorted = order.every((place, index) => index === 0 || place > (order[index - 1] ?? -1));
  return isSorted ? [] : ['dimensions are not each described once, in the order filesystem, network, process'];
}

/** The format knows `full` for every dimension. Nothing that we observe is. */
const COMPLETENESS_OF: Readonly<Record<Dimension, readonly CoverageDescriptor['completeness'][]>> = {
  filesystem: ['open_syscall_only'],
  network: ['connect_only', 'datagram_peer_observed', 'connect_and_datagram_peer_observed'],
  process: ['exec_only'],
};

function formProblems({ schema, dimension, completeness }: CoverageDescriptor): readonly string[] {
  const problems: string[] = [];
  if (schema !== DESCRIPTOR_SCHEMA) problems.push(`${dimension}: the schema is not ${DESCRIPTOR_SCHEMA}`);
  if (!COMPLETENESS_OF[dimension].includes(completeness)) problems.push(`${dimension} cannot be ${completeness}`);
  return problems;
}

function networkProblems(descriptors: readonly CoverageDescriptor[], health: ObservationHealth): readonly string[] {
  const told = descriptors.find(({ dimension }) => dimension === 'network')?.completeness ?? 'none';
  const seen = health.network_protocol_coverage;
  const expected = seen === 'unknown' || seen === 'absent' ? 'none' : seen;
  return told === expected ? [] : [`network is described as ${told}, but health says ${seen}`];
}

function claimProblems(told: readonly CoverageDescriptor[], implied: readonly CoverageDescriptor[]): readonly string[] {
  return told.flatMap((descriptor) => {
    const limit = implied.find(({ dimension }) => dimension === descriptor.dimension);
    if (limit === undefined) return [`${descriptor.dimension} is described, but was not observed`];
    return [
      ...completenessProblems(descriptor, limit),
      ...classProblems(descriptor, limit),
      ...spotProblems(descriptor, limit),
    ];
  });
}

function completenessProblems(told: CoverageDescriptor, limit: CoverageDescriptor): readonly string[] {
  if (told.completeness === limit.completeness) return [];
  return [`${told.dimension} is described as ${told.completeness}, the capture supports ${limit.completeness}`];
}

function classProblems(told: CoverageDescriptor, limit: CoverageDescriptor): readonly string[] {
  return CLAIM_CLASSES[told.dimension]
    .filter((name) => observesClass(told, name) && !observesClass(limit, name))
    .map((name) => `${told.dimension} claims to observe ${name}, the capture does not`);
}

function spotProblems(told: CoverageDescriptor, limit: CoverageDescriptor): readonly string[] {
  const codes = new Set(told.known_blind_spots.map(codeOf));
  return limit.known_blind_spots
    .map(codeOf)
    .filter((code) => !codes.has(code))
    .map((code) => `${told.dimension} does not tell the blind spot ${code}, which the capture implies`);
}

function codeOf(spot: string): string {
  return spot.split(':', 1)[0] ?? '';
}
