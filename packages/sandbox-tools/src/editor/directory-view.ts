import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const entryLimit = 1000;

/** The names in a directory, two levels deep, hidden ones left out; links are named and not followed. */
export function viewDirectory(path: string): string {
  const rows = [path.endsWith('/') ? path : `${path}/`, ...namesBelow(path, 2)];
  const shown = rows.slice(0, entryLimit);
  if (rows.length > shown.length) shown.push(`[… more than ${entryLimit} entries; view a directory below …]`);
  return shown.join('\n');
}

function namesBelow(directory: string, levels: number): string[] {
  const rows: string[] = [];
  const entries = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    if (rows.length > entryLimit) break;
    const path = join(directory, entry.name);
    rows.push(entry.isDirectory() ? `${path}/` : path);
    if (entry.isDirectory() && levels > 1) rows.push(...namesBelowOrReason(path, levels - 1));
  }
  return rows;
}

function namesBelowOrReason(directory: string, levels: number): string[] {
  try {
    return namesBelow(directory, levels);
  } catch (error) {
    return [`${directory}/ [cannot be read: ${error instanceof Error ? error.message : String(error)}]`];
  }
}
