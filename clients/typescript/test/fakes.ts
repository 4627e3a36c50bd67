import type { Credentials, Database, Fetch, Transaction } from '../src/index.ts';

/** What a fake server was asked. */
export interface Asked {
  method: string;
  url: string;
  token: string | null;
  body: { client_id: string; transactions: { transaction_id?: number; crud: Record<string, unknown>[] }[] };
}

/** What a fake server answers; with `results`, as writegate does. */
export interface Says {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** A server that says one thing after the other, and the last one for ever. */
export function server(...says: (Says | ((asked: Asked) => Says))[]): { asked: Asked[]; fetch: Fetch } {
  const asked: Asked[] = [];
  return {
    asked,
    fetch: async (url, init) => {
      const now: Asked = {
        method: init.method ?? 'GET',
        url,
        token: new Headers(init.headers).get('authorization'),
        body: JSON.parse(String(init.body ?? '{}'))
      };
      const next = says[Math.min(asked.push(now), says.length) - 1] ?? {};
      const { status = 200, body, headers = {} } = typeof next === 'function' ? next(now) : next;
      return new Response(typeof body === 'string' ? body : JSON.stringify(body ?? {}), { status, headers });
    }
  };
}

/** A result for every transaction of a request. */
export const success = (asked: Asked): Says => ({ body: { results: asked.body.transactions.map(() => ({ status: 'success' })) } });

/** Answers with one result after the other. */
export const results = (...results: object[]): Says => ({ body: { results } });

/** A queue of transactions with as many operations as the numbers say. */
export function queue(...sizes: number[]): Database & { left: () => (number | undefined)[] } {
  let op = 0;
  let transactions: Transaction[] = sizes.map((size, i) => ({
    transactionId: i + 1,
    crud: Array.from({ length: size }, () => ({ clientId: ++op, transactionId: i + 1, op: 'PUT', table: 'lists', id: `l${op}`, opData: { name: 'a' } })),
    complete: async () => {
      transactions = transactions.filter((t) => t.transactionId! > i + 1);
    }
  }));
  return {
    getClientId: async () => 'device',
    async *getCrudTransactions() {
      yield* [...transactions];
    },
    left: () => transactions.map((t) => t.transactionId)
  };
}

/** Gives the tokens t1, t2, …, and counts them. */
export function tokens(expiresAt?: Date): { given: number; credentials: () => Promise<Credentials | null> } {
  const t = {
    given: 0,
    credentials: async () => ({ endpoint: 'https://sync.example.com', token: `t${++t.given}`, ...(expiresAt && { expiresAt }) })
  };
  return t;
}
