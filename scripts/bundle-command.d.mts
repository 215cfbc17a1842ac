/** Writes `cli.cjs` and what belongs to it into a folder. */
export function bundleCommand(folder: string): Promise<readonly string[]>;
/** Writes `index.js`, `ext-local.js` and what belongs to them into a folder. */
export function bundleLibrary(folder: string): Promise<readonly string[]>;
