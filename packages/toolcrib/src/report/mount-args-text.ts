/** For whom the arguments are written. */
export const MOUNT_FORMATS = ['docker', 'podman', 'compose', 'kubernetes'] as const;

export type MountFormat = (typeof MOUNT_FORMATS)[number];

/** What is mounted: the result of `mountTool` fits it. Its paths have no characters that would have to be quoted. */
export interface MountFacts {
  readonly tool: string;
  readonly digest: string;
  readonly source: { readonly kind: 'directory' | 'volume'; readonly path: string; readonly name?: string };
  /** Path of the sandbox. */
  readonly path: string;
}

/**
 * What a sandbox is made with, to be pasted: arguments of `docker run` or `podman run` on one line, or YAML.
 * @returns undefined where a format has no word for such a source.
 */
export function formatMountArgs(facts: MountFacts, format: MountFormat): string | undefined {
  switch (format) {
    case 'docker':
      return `--mount ${optionsOf(facts)},readonly`;
    case 'podman':
      return `--mount ${optionsOf(facts)},ro=true`;
    case 'compose':
      return composeYaml(facts);
    case 'kubernetes':
      return facts.source.kind === 'directory' ? kubernetesYaml(facts) : undefined;
  }
}

function optionsOf({ source, path }: MountFacts): string {
  const type = source.kind === 'directory' ? 'bind' : 'volume';
  return `type=${type},source=${source.name ?? source.path},target=${path}`;
}

function composeYaml({ source, path }: MountFacts): string {
  const where =
    source.kind === 'directory'
      ? ['  - type: bind', `    source: ${source.path}`]
      : ['  - type: volume', `    source: ${source.name ?? ''}`];
  const tail =
    source.kind === 'directory'
      ? ['    bind:', '      create_host_path: false']
      : ['# and beside "services":', '# volumes:', `#   ${source.name ?? ''}:`, '#     external: true'];
  return ['volumes:', ...where, `    target: ${path}`, '    read_only: true', ...tail].join('\n');
}

function kubernetesYaml({ digest, source, path }: MountFacts): string {
  const name = `toolcrib-${digest.slice('sha256:'.length).slice(0, 12)}`;
  return [
    '# in the container:',
    'volumeMounts:',
    `  - name: ${name}`,
    `    mountPath: ${path}`,
    '    readOnly: true',
    '# in the pod:',
    'volumes:',
    `  - name: ${name}`,
    '    hostPath:',
    `      path: ${source.path}`,
    '      type: Directory',
  ].join('\n');
}
