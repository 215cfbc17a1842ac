/** Parents of placements in a sandbox unless the configuration names others, in order of preference: formats.md 2. */
export const DEFAULT_INSTALL: readonly string[] = ['/var/lib/toolcrib', '/opt/toolcrib', '/tmp/toolcrib'];
