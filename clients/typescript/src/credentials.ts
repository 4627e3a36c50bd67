import { type Answer, type Fetch, Pause, WritegateError, ask, at, refusal } from './http.ts';

/** What opens the sync stream, and uploads. */
export interface Credentials {
  /** The address of the sync service. */
  endpoint: string;
  token: string;
  /** When the token ends. Without it, the connector learns that from a 401. */
  expiresAt?: Date;
}

/** A place on the device that only the app can read. */
export interface DeviceSecret {
  /** Null makes the device a new user. Throw when the place can't be read now. */
  load(): Promise<string | null> | string | null;
  save(secret: string): Promise<void> | void;
  /**
   * Asked when the server refuses the secret that was kept, as it does one that was damaged: may the device become a new
   * anonymous user? Say yes only when nothing is queued, since what is would go up in the name of the new user, who does not
   * own the rows of the old one. Without it, or after a no, there is no token and the writes stay in the queue.
   */
  startOver?(): Promise<boolean> | boolean;
}

/** Where to get tokens, and what for. */
export interface Exchange {
  /** The address of writegate, such as `https://write.example.com`. */
  url: string;
  /**
   * The token of the app's own session, which is exchanged for one of PowerSync; null when nobody is signed in. Leave it
   * out where tokens need none: anonymous ones, and those of `writegate dev`.
   */
  session?: () => Promise<string | null> | string | null;
  /** Where the secret of a device without a user is kept, so that it is the same anonymous user again. */
  device?: DeviceSecret;
  /** The address of the sync service, for a writegate that doesn't say it. */
  endpoint?: string;
  /** What follows the address, `/api/auth/token` by default; `/api/auth/token?user_id=alice` for `writegate dev`. */
  path?: string;
  /** Defaults to the global one. */
  fetch?: Fetch;
}

const TIMEOUT = 30_000;

/** Makes a function that gets a fresh token from writegate whenever it is called. It throws when there is none to be had. */
export function exchange(options: Exchange): () => Promise<Credentials | null> {
  const { url, session, device, endpoint, path = '/api/auth/token', fetch = globalThis.fetch.bind(globalThis) } = options;
  const pause = new Pause('token');
  const from = (own: string | null | undefined, secret: string | null | undefined): Promise<Answer> => {
    pause.check();
    const headers: Record<string, string> = { accept: 'application/json' };
    if (own) headers['authorization'] = `Bearer ${own}`;
    const init: RequestInit = { headers, cache: 'no-store' };
    if (secret) {
      init.method = 'POST'; // a secret has no place in an address
      init.body = JSON.stringify({ device_secret: secret });
      headers['content-type'] = 'application/json';
    }
    return ask(fetch, at(url, path), init, TIMEOUT);
  };
  const get = async (): Promise<Credentials | null> => {
    const own = await session?.();
    if (session && !own) return null;
    const secret = await device?.load();
    let answer = await from(own, secret);
    if (isRefusedSecret(answer) && secret && !own && await device?.startOver?.()) answer = await from(null, null);
    pause.after(answer);
    const said = answer.body as { token?: unknown; endpoint?: unknown; expires_at?: unknown; device_secret?: unknown } | null | undefined;
    if (answer.status !== 200 || typeof said?.token !== 'string') throw refusal('token', answer);
    const where = endpoint ?? said.endpoint;
    if (typeof where !== 'string') throw new WritegateError(answer.status, 'token: the answer names no endpoint, and the options neither');
    if (device && typeof said.device_secret === 'string') {
      const now = await device.load();
      if (now && now !== secret) return get(); // another tab was first: this one is the same user
      await device.save(said.device_secret);
      if (await device.load() !== said.device_secret) throw new WritegateError(answer.status, 'token: the secret of the device is not loaded as it was saved');
    }
    return { endpoint: where, token: said.token, ...expiry(said.expires_at) };
  };
  if (!device) return get;
  // One after the other: of two first tokens at once, each would be another user's.
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const next = last.then(get);
    last = next.catch(() => {});
    return next;
  };
}

/** Whether writegate itself refused the secret: what a gateway before it forbids, or writegate for another reason, says nothing of it. */
function isRefusedSecret(answer: Answer): boolean {
  return answer.status === 403 && (answer.body as { reason?: unknown } | null | undefined)?.reason === 'issue.secret';
}

function expiry(text: unknown): { expiresAt?: Date } {
  const date = new Date(typeof text === 'string' ? text : NaN);
  return Number.isNaN(date.getTime()) ? {} : { expiresAt: date };
}
