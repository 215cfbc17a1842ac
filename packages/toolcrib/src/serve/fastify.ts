// The framework is heavy: this file is imported when it is needed, and bundled as a file of its own.
export { fastify } from 'fastify';
