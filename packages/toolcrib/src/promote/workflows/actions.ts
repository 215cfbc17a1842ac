/**
 * Actions of others that the workflows use, each pinned by the full hash of a commit: a tag can be moved, a hash cannot.
 * Looked up in the `refs/tags` of each repository, 2026-11: the tag beside a hash pointed at it.
 */
export const ACTIONS = {
  checkout: { name: 'actions/checkout', commit: '3d3c42e5aac5ba805825da76410c181273ba90b1', tag: 'v7.0.1' },
  setupNode: { name: 'actions/setup-node', commit: '820762786026740c76f36085b0efc47a31fe5020', tag: 'v7.0.0' },
  upload: { name: 'actions/upload-artifact', commit: 'bbbca2ddaa5d8feaa63e36b76fdaad77386f024f', tag: 'v7.0.0' },
  download: { name: 'actions/download-artifact', commit: '3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c', tag: 'v8.0.1' },
  login: { name: 'docker/login-action', commit: '4907a6ddec9925e35a0a9e82d7399ccc52663121', tag: 'v4.1.0' },
} as const;

/** What stands after `uses:`, with the tag for a reader. */
export function usesOf(action: keyof typeof ACTIONS): string {
  const { name, commit, tag } = ACTIONS[action];
  return `${name}@${commit} # ${tag}`;
}
