// eslint-disable-next-line no-control-regex -- these are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * What is wrong with the name of an entry of a pack, as in "its entry NAME …"; undefined for a good one. A directory's
 * ends with a slash. Nothing is unpacked to disk here, but others may do it.
 */
export function faultOfEntryName(name: string): string | undefined {
  if (name === '') return 'has no name';
  if (CONTROL.test(name)) return 'has control characters in its name';
  if (name.includes('\ufffd')) return 'has a name that is not UTF-8';
  if (name.includes('\\')) return 'has a backslash in its name';
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) return 'has an absolute name';
  const segments = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  if (segments.includes('..')) return 'leads out of the pack';
  return segments.some((segment) => segment === '' || segment === '.')
    ? 'has an empty or "." part in its name'
    : undefined;
}

/** What Windows reads otherwise, or takes for a drive or a stream. */
const UNFIT = /[<>:"|?*]/;
/** Devices of Windows, in any directory and whatever ending they have. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[1-9¹²³]) *(?:\.|$)/i;

/**
 * What is wrong with a name that an entry is to get, in the same words: beside what no pack may have, what not every
 * system can (Microsoft, "Naming Files, Paths, and Namespaces"). Packs of others are read with such names.
 */
export function faultOfNewName(name: string): string | undefined {
  const unfit = UNFIT.exec(name)?.[0];
  if (unfit !== undefined) return `has a ${unfit} in its name, which Windows cannot have`;
  const segments = name.split('/');
  if (segments.some((segment) => DEVICE.test(segment))) return 'has the name of a device of Windows';
  if (segments.some((segment) => /[. ]$/.test(segment) && segment !== '.' && segment !== '..')) {
    return 'has a part in its name that ends with a dot or a blank, which Windows leaves out';
  }
  return faultOfEntryName(name);
}

/** What names share that are one where capital letters, or the ways to write an accent, are not told apart. */
export function foldName(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
