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
