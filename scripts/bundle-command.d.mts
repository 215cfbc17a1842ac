/** Writes `cli.cjs` and what belongs to it into a folder. */
export function bundleCommand(folder: string): Promise<readonly string[]>;
