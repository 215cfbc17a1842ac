// Preloaded into a command line: writes the most memory that it ever held, in KiB, to the file that the environment names.
import { writeFileSync } from 'node:fs';

process.on('exit', () => {
  const file = process.env['PEAK_MEMORY_FILE'];
  if (file !== undefined) writeFileSync(file, String(process.resourceUsage().maxRSS));
});
