// Octokit is heavy: this file is imported when it is needed. It is a static export, because named exports do not survive
// the bundling of a dynamic import.
export { Octokit } from '@octokit/core';
export { retry } from '@octokit/plugin-retry';
export { throttling } from '@octokit/plugin-throttling';
