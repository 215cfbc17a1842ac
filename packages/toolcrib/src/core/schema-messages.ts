import { config } from 'zod/mini';
import en from 'zod/v4/locales/en.js';

/**
 * Imported for its effect by whoever validates: gives zod/mini its messages. zod/mini instead of zod because it makes
 * the same checks and costs 20 ms less at every start of the command line.
 */
config(en());
