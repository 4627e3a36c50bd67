/** The part of the global `fetch` that is used here, so that an app can bring its own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Why nothing could be uploaded, or no token be had. The SDK keeps the writes and tries again. */
export class WritegateError extends Error {
  override name = 'WritegateError';
  /** The status of the answer, or of the one that asked for a pause; 0 where there was none, as when nobody is signed in. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** An answer that has arrived as a whole. */
export interface Answer {
  status: number;
  /** What the body says as JSON; undefined when it is none, as with the page of a proxy or a login. */
  body: unknown;
  /** How long the server asks to be left alone, in milliseconds; 0 when it doesn't. */
  retryAfter: number;
}

/** The server is left alone for so long at most, whatever it asks for, in milliseconds. */
const LONGEST_PAUSE = 300_000;

/** Keeps to the Retry-After of answers. */
export class Pause {
  readonly #what: string;
  #status = 0;
  /** By performance.now(), since the clock of the device may be set. */
  #until = 0;

  constructor(what: string) {
    this.#what = what;
  }

  /** Throws while the server wants to be left alone. */
  check(): void {
    const left = Math.ceil(this.#until - performance.now());
    if (left > 0) throw new WritegateError(this.#status, `${this.#what}: the server asks to be left alone for another ${left} ms`);
  }

  /** Begins the pause that an answer asks for, if it does. */
  after(answer: Answer): void {
    this.#status = answer.status;
    this.#until = performance.now() + Math.min(answer.retryAfter, LONGEST_PAUSE);
  }
}

/** Asks, and reads the whole answer. It throws when that takes more than `timeout` milliseconds. */
export async function ask(fetch: Fetch, url: string, init: RequestInit, timeout: number): Promise<Answer> {
  const abort = new AbortController(); // AbortSignal.timeout is missing on React Native
  const timer = setTimeout(() => abort.abort(new WritegateError(0, `no answer within ${timeout} ms`)), timeout);
  try {
    const res = await fetch(url, { ...init, signal: abort.signal });
    const text = await res.text();
    return { status: res.status, body: parse(text), retryAfter: seconds(res.headers.get('retry-after')) * 1000 };
  } finally {
    clearTimeout(timer);
  }
}

/** The error for an answer that is not what it should be, in the server's own words where there are some. */
export function refusal(what: string, answer: Answer): WritegateError {
  const said = (answer.body as { message?: unknown } | undefined | null)?.message;
  return new WritegateError(answer.status, `${what}: ${typeof said === 'string' ? said : `status ${answer.status}`}`);
}

/** Joins an address and a path, whether or not the address ends in a slash. */
export function at(url: string, path: string): string {
  return url.replace(/\/+$/, '') + path;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The number of a Retry-After header; a date counts as none. */
function seconds(header: string | null): number {
  const n = Number(header ?? 0);
  return Number.isFinite(n) && n > 0 ? n : 0;
}
