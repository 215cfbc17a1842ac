/**
 * Whether a text can name an image of a container engine: a name with an optional tag or digest, or an id. Only its
 * shape: which names there are is for the engine to say. Source: distribution/reference.
 */
export function isImageReference(text: string): boolean {
  return text.length <= MAX_LENGTH && /^[A-Za-z0-9](?:[A-Za-z0-9._:/@-]*[A-Za-z0-9_])?$/.test(text);
}

/** What {@link isImageReference} demands, for messages. */
export const IMAGE_REFERENCE_FORM = 'expected an image, e.g. debian:12 or images.example.com/team/image:1.0';

/** Above the 255 characters of a name, its tag and a digest together. */
const MAX_LENGTH = 512;
