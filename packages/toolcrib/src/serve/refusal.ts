/** An answer of the server that ends a request: not an error of toolcrib, whose user it does not reach. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  /** @param words for who asked: one sentence, no secret, no path of the server. */
  constructor(status: number, words: string, headers: Readonly<Record<string, string>> = {}) {
    super(words);
    this.status = status;
    this.headers = headers;
  }
}
