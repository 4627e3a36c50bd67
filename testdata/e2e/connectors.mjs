// The ways in which connectors that people use talk to a backend, and our own.
//
//   demo        one local transaction a request, {batch: [{op, table, id, data}]}, no token
//   perop       one operation a request, PUT | PATCH | DELETE {table, data: {...data, id}}, no token
//   batch       like demo but getCrudBatch(100), which may cut and join transactions
//   tojson      one local transaction a request as CrudEntry.toJSON writes it, with the device's id and a token
//   vendor      {transactions: [{transaction_id, crud}]} without any identity, completing the accepted prefix
//   identity    the same with client_id and op ids
//   typescript  the connector of clients/typescript as it is; with TOKEN_URL it gets its tokens there, for SESSION or else
//               as the gateway of a developer gives them
import { WritegateConnector, exchange } from '../../clients/typescript/src/index.ts';

const { SYNC_URL, UPLOAD_URL, TOKEN_URL, SESSION, USER_ID } = process.env;

/** How many local transactions vendor and identity put into one request at most. */
const MAX_TRANSACTIONS = Number(process.env.MAX_TRANSACTIONS ?? 50);

/** The token for the sync service and for uploads. */
const token = () => process.env.TOKEN;
const credentials = async () => ({ endpoint: SYNC_URL, token: token() });

async function send(method, body, headers = {}) {
  const res = await fetch(`${UPLOAD_URL}/api/data`, {
    method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body)
  });
  const text = await res.text();
  if (!res.ok) throw new Error(`${method} ${res.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

const signed = () => ({ authorization: `Bearer ${token()}` });
const plain = (o) => ({ op: o.op, table: o.table, id: o.id, data: o.opData });

const styles = {
  async demo(db) {
    const tx = await db.getNextCrudTransaction();
    if (!tx) return;
    await send('POST', { batch: tx.crud.map(plain) });
    await tx.complete();
  },

  async perop(db) {
    const tx = await db.getNextCrudTransaction();
    if (!tx) return;
    for (const o of tx.crud) await send(o.op, { table: o.table, data: { ...o.opData, id: o.id } });
    await tx.complete();
  },

  async batch(db) {
    const batch = await db.getCrudBatch(100);
    if (!batch) return;
    await send('POST', { batch: batch.crud.map(plain) });
    await batch.complete();
  },

  async tojson(db) {
    const tx = await db.getNextCrudTransaction();
    if (!tx) return;
    await send('POST', { client_id: await db.getClientId(), user_id: USER_ID, transaction_id: tx.transactionId, crud: tx.crud }, signed());
    await tx.complete();
  },

  vendor: (db, device) => transactions(db, device, {}, (o) => ({ id: o.id, op: o.op, table: o.table, op_data: o.opData })),

  identity: async (db, device) => transactions(db, device, { client_id: await db.getClientId() }, (o) => ({
    op_id: o.clientId, id: o.id, op: o.op, table: o.table, op_data: o.opData,
    previous_values: o.previousValues, metadata: o.metadata
  }))
};

/** Sends whole local transactions and completes those that are settled, up to the first that is not. */
async function transactions(db, device, envelope, entry) {
  const taken = [];
  for await (const tx of db.getCrudTransactions()) {
    taken.push(tx);
    if (taken.length >= MAX_TRANSACTIONS) break;
  }
  if (taken.length === 0) return;
  const body = { ...envelope, transactions: taken.map((tx) => ({ transaction_id: tx.transactionId, crud: tx.crud.map(entry) })) };
  const { results } = await send('POST', body, signed());
  if (results.length !== taken.length) throw new Error(`${results.length} results for ${taken.length} transactions`);
  let settled = null;
  let again = null;
  for (const [i, r] of results.entries()) {
    if (r.status === 'success' || r.status === 'fatal_error' && !r.requires_client_handling) {
      settled = taken[i];
      if (r.status === 'fatal_error') device.refused.push(r);
      continue;
    }
    if (r.status !== 'not_attempted' || i === 0) again = r;
    break;
  }
  await settled?.complete();
  if (again) throw new Error(`${again.status}: ${again.message ?? ''}`);
}

/** The connector of a style, for a device that keeps count of what was refused. */
export function connectorOf(style, device) {
  if (style === 'typescript') {
    const who = SESSION ? { session: () => SESSION, endpoint: SYNC_URL } : { path: `/api/auth/token?user_id=${USER_ID}` };
    return new WritegateConnector({
      url: UPLOAD_URL, maxTransactions: MAX_TRANSACTIONS,
      credentials: TOKEN_URL ? exchange({ url: TOKEN_URL, ...who }) : credentials,
      onRefused: ({ failed }) => device.refused.push({ failed_operation: failed })
    });
  }
  const upload = styles[style];
  if (!upload) throw new Error(`no connector style ${style}; there are typescript, ${Object.keys(styles).join(', ')}`);
  return { fetchCredentials: credentials, uploadData: (db) => upload(db, device) };
}
