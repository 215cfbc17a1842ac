import type { EngineFacts } from '../sandboxes/engine-facts.ts';
import { finding, type Finding } from './finding.ts';

/** What an engine told. @param subject by which word a user names it: `docker`, `podman`. */
export function engineFindings(subject: string, engine: EngineFacts): readonly Finding[] {
  const { address, dialect, version, apiVersion, arch, storageDriver, cgroupVersion } = engine;
  const name = dialect === 'podman' ? 'Podman' : 'Docker Engine';
  const parts = [
    `${name} ${version ?? 'of an unknown version'} (API ${apiVersion ?? '?'}) at ${address} answers to this user`,
    `${arch ?? 'an unknown machine'}, ${storageDriver ?? 'unknown storage'}, cgroup v${cgroupVersion ?? '?'}`,
    rights(engine),
  ];
  return [finding({ group: 'engines', subject, state: 'ok', text: parts.join('; '), facts: { ...engine } })];
}

function rights({ rootless, mapsUsers }: EngineFacts): string {
  if (rootless) return 'without privileges (rootless)';
  return mapsUsers ? 'as root, with users of containers mapped' : 'as root';
}
