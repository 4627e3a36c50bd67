import type { Credentials } from './credentials.ts';
import { type Answer, type Fetch, Pause, WritegateError, ask, at } from './http.ts';
import { type Database, type Transaction, body, take } from './queue.ts';
import { type Refusal, type Result, heldBack, isRefused, isSettled, resultsOf } from './results.ts';

/** What a connector is made of. */
export interface Options {
  /** The address of writegate, such as `https://write.example.com`. */
  url: string;
  /**
   * Gets a fresh token whenever it is called, null when nobody is signed in, and throws when there is none to be had
   * now. {@link exchange} makes such a function; an identity provider's own will do as well.
   */
  credentials: () => Promise<Credentials | null>;
  /**
   * Told of each refused transaction before the device forgets it. When it throws, the transaction stays in the queue and
   * comes again.
   */
  onRefused?: (refusal: Refusal) => Promise<void> | void;
  /** The most transactions of one request, 50 by default. */
  maxTransactions?: number;
  /** The most operations of one request, 1,000 by default. A larger transaction goes alone. */
  maxOperations?: number;
  /** How long an upload may take, in milliseconds; 150,000 by default, since the server may take two minutes. */
  timeout?: number;
  /** Defaults to the global one. */
  fetch?: Fetch;
}

/** A token that ends sooner is not used any more. The SDK asks for the next one as early. */
const EXPIRES_SOON = 30_000;

/**
 * A connector for the PowerSync SDK. Whatever happens, a write leaves the queue only when the server has applied it, or
 * has refused and kept it. Make a new one for each sign-in.
 */
export class WritegateConnector {
  readonly #options: Required<Omit<Options, 'onRefused'>> & Pick<Options, 'onRefused'>;
  /** The last credentials, for uploads. */
  #current: Credentials | null = null;
  readonly #pause = new Pause('upload');

  constructor({ maxTransactions = 50, maxOperations = 1000, timeout = 150_000, fetch = globalThis.fetch.bind(globalThis), ...rest }: Options) {
    this.#options = { maxTransactions, maxOperations, timeout, fetch, ...rest };
  }

  /** Gets a fresh token, as the SDK asks for: it calls this before the last one ends. */
  async fetchCredentials(): Promise<Credentials | null> {
    this.#current = await this.#options.credentials();
    return this.#current;
  }

  /** Uploads from the head of the queue. The SDK calls it again until the queue is empty, and after a pause when it throws. */
  async uploadData(db: Database): Promise<void> {
    this.#pause.check();
    let sent = await take(db, this.#options.maxTransactions, this.#options.maxOperations);
    if (sent.length === 0) return;
    const device = await db.getClientId();
    let answer = await this.#post(body(device, sent));
    while (answer.status === 413 && sent.length > 1) {
      sent = sent.slice(0, Math.ceil(sent.length / 2));
      answer = await this.#post(body(device, sent));
    }
    this.#pause.after(answer);
    const results = resultsOf(answer, sent.length);
    if (!isSettled(results[0])) throw heldBack(answer, results[0]);
    await this.#complete(sent, results);
  }

  /** Sends a body, and once more with a fresh token when the one at hand is not good any more. */
  async #post(body: string): Promise<Answer> {
    const answer = await this.#send(body);
    return answer.status === 401 ? this.#send(body) : answer;
  }

  async #send(body: string): Promise<Answer> {
    const { url, fetch, timeout } = this.#options;
    const token = await this.#token();
    const answer = await ask(fetch, at(url, '/api/data'), {
      method: 'POST', body, headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    }, timeout);
    const wanting = answer.status === 401 || answer.status === 403; // the next one may have the claim that this one lacks
    if (wanting && this.#current?.token === token) this.#current = null; // the SDK may have a newer one already
    return answer;
  }

  async #token(): Promise<string> {
    const have = this.#current;
    if (have && !(have.expiresAt && have.expiresAt.getTime() - Date.now() < EXPIRES_SOON)) return have.token;
    const fresh = await this.fetchCredentials();
    if (!fresh) throw new WritegateError(0, 'upload: nobody is signed in');
    return fresh.token;
  }

  /** Takes what is settled out of the queue, up to the first that is not. */
  async #complete(sent: Transaction[], results: Result[]): Promise<void> {
    let settled: Transaction | undefined;
    try {
      for (const [i, transaction] of sent.entries()) {
        const result = results[i];
        if (!isSettled(result)) break;
        if (isRefused(result)) await this.#refused(transaction, result);
        settled = transaction;
      }
    } finally {
      await settled?.complete();
    }
  }

  async #refused(transaction: Transaction, result: Result & { status: 'fatal_error' }): Promise<void> {
    const { message, failed_operation: failed } = result;
    await this.#options.onRefused?.({ transaction, message: message ?? failed?.message ?? 'The write was refused.', ...(failed && { failed }) });
  }
}
