import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Refusal, WritegateConnector, WritegateError } from '../src/index.ts';
import { queue, results, server, success, tokens } from './fakes.ts';

const url = 'https://write.example.com/';
const refused = {
  status: 'fatal_error', requires_client_handling: false, message: 'lists.name: the value is taken.',
  failed_operation: { error_code: 'UNIQUE_VIOLATION', operation_index: 0 }
};
const held = { ...refused, requires_client_handling: true };
const error = (status: number, message: RegExp) => (e: unknown) => e instanceof WritegateError && e.status === status && message.test(e.message);

test('an upload carries the identity of every operation', async () => {
  const { asked, fetch } = server(success);
  const db = queue(2, 1);
  await new WritegateConnector({ url, fetch, credentials: tokens().credentials }).uploadData(db);
  assert.deepEqual(asked, [{
    method: 'POST',
    url: 'https://write.example.com/api/data',
    token: 'Bearer t1',
    body: {
      client_id: 'device',
      transactions: [
        { transaction_id: 1, crud: [
          { op_id: 1, tx_id: 1, op: 'PUT', table: 'lists', id: 'l1', data: { name: 'a' } },
          { op_id: 2, tx_id: 1, op: 'PUT', table: 'lists', id: 'l2', data: { name: 'a' } }
        ] },
        { transaction_id: 2, crud: [{ op_id: 3, tx_id: 2, op: 'PUT', table: 'lists', id: 'l3', data: { name: 'a' } }] }
      ]
    }
  }]);
  assert.deepEqual(db.left(), []);
});

test('nothing is asked when nothing is queued', async () => {
  const { asked, fetch } = server(success);
  await new WritegateConnector({ url, fetch, credentials: tokens().credentials }).uploadData(queue());
  assert.equal(asked.length, 0);
});

test('previous values and metadata go along, and a deletion has no data', async () => {
  const { asked, fetch } = server(success);
  const entry = { clientId: 7, transactionId: 3, op: 'DELETE', table: 'lists', id: 'l1', previousValues: { name: 'a' }, metadata: 'from the watch' };
  const db = { getClientId: async () => 'device', async *getCrudTransactions() { yield { crud: [entry], transactionId: 3, complete: async () => {} }; } };
  await new WritegateConnector({ url, fetch, credentials: tokens().credentials }).uploadData(db);
  assert.deepEqual(asked[0]?.body.transactions[0]?.crud, [
    { op_id: 7, tx_id: 3, op: 'DELETE', table: 'lists', id: 'l1', old: { name: 'a' }, metadata: 'from the watch' }
  ]);
});

for (const [name, sizes, options, want] of [
  ['at most so many transactions', [1, 1, 1], { maxTransactions: 2 }, 2],
  ['at most so many operations', [2, 2, 2], { maxOperations: 5 }, 2],
  ['a large transaction whole', [9, 1], { maxOperations: 5 }, 1]
] as const) {
  test(`one request takes ${name}`, async () => {
    const { asked, fetch } = server(success);
    await new WritegateConnector({ url, fetch, credentials: tokens().credentials, ...options }).uploadData(queue(...sizes));
    assert.equal(asked[0]?.body.transactions.length, want);
  });
}

test('an option that is undefined is one that is left out', async () => {
  const { asked, fetch } = server(success);
  const sizes = Array.from({ length: 60 }, () => 1);
  const untyped = { url, fetch, credentials: tokens().credentials, maxTransactions: undefined, maxOperations: undefined, timeout: undefined };
  await new WritegateConnector(untyped as never).uploadData(queue(...sizes));
  assert.equal(asked[0]?.body.transactions.length, 50);
});

test('an app that brings its own fetch needs no other', async (t) => {
  t.mock.property(globalThis, 'fetch', undefined as never);
  const { fetch } = server(success);
  const db = queue(1);
  await new WritegateConnector({ url, fetch, credentials: tokens().credentials }).uploadData(db);
  assert.deepEqual(db.left(), []);
});

test('a token is used until it is refused, and then once more with a fresh one', async () => {
  const { asked, fetch } = server(success, { status: 401 }, success);
  const t = tokens();
  const connector = new WritegateConnector({ url, fetch, credentials: t.credentials, maxTransactions: 1 });
  const db = queue(1, 1);
  await connector.uploadData(db);
  await connector.uploadData(db);
  assert.deepEqual(asked.map((a) => a.token), ['Bearer t1', 'Bearer t1', 'Bearer t2']);
  assert.deepEqual(db.left(), []);
});

test('a token that is refused twice is not sent again', async () => {
  const { asked, fetch } = server({ status: 401 }, { status: 401 }, success);
  const connector = new WritegateConnector({ url, fetch, credentials: tokens().credentials });
  const db = queue(1);
  await assert.rejects(connector.uploadData(db), error(401, /401/));
  await connector.uploadData(db);
  assert.deepEqual(asked.map((a) => a.token), ['Bearer t1', 'Bearer t2', 'Bearer t3']);
});

test('a token that lacks a claim is not sent again', async () => {
  const { asked, fetch } = server({ status: 403 }, success); // by then the user has been given what it lacked
  const connector = new WritegateConnector({ url, fetch, credentials: tokens().credentials });
  const db = queue(1);
  await assert.rejects(connector.uploadData(db), error(403, /403/));
  await connector.uploadData(db);
  assert.deepEqual(asked.map((a) => a.token), ['Bearer t1', 'Bearer t2']);
});

test('a token that came while another was refused is kept', async () => {
  const t = tokens();
  const { asked, fetch } = server((now) => {
    if (now.token !== 'Bearer t1') return success(now);
    void connector.fetchCredentials(); // as the sync stream may do meanwhile
    return { status: 401 };
  });
  const connector: WritegateConnector = new WritegateConnector({ url, fetch, credentials: t.credentials });
  await connector.uploadData(queue(1));
  assert.deepEqual([asked.map((a) => a.token), t.given], [['Bearer t1', 'Bearer t2'], 2]);
});

test('the token of the sync stream uploads, too', async () => {
  const { asked, fetch } = server(success);
  const t = tokens();
  const connector = new WritegateConnector({ url, fetch, credentials: t.credentials });
  assert.equal((await connector.fetchCredentials())?.token, 't1');
  await connector.uploadData(queue(1));
  assert.equal(asked[0]?.token, 'Bearer t1');
});

test('the SDK gets a fresh token each time', async () => {
  const connector = new WritegateConnector({ url, fetch: server().fetch, credentials: tokens().credentials });
  await connector.fetchCredentials();
  assert.equal((await connector.fetchCredentials())?.token, 't2');
});

test('a token that ends soon is not sent', async () => {
  const { asked, fetch } = server(success);
  const t = tokens(new Date(Date.now() + 20_000));
  const connector = new WritegateConnector({ url, fetch, credentials: t.credentials });
  await connector.fetchCredentials();
  await connector.uploadData(queue(1));
  assert.deepEqual([asked[0]?.token, t.given], ['Bearer t2', 2]);
});

for (const [name, says, status, message] of [
  ['a token that is refused twice', [{ status: 401, body: { message: 'The token has expired.' } }], 401, /The token has expired/],
  ['a missing claim', [{ status: 403 }], 403, /status 403/],
  ['a fault of the app', [{ status: 400, body: { message: 'No operation.' } }], 400, /No operation/],
  ['a body that is too large', [{ status: 413 }], 413, /413/],
  ['a database that is away', [{ status: 503 }], 503, /503/],
  ['the page of a login', [{ body: '<html>' }], 200, /not one of writegate/],
  ['an answer without results', [{ body: {} }], 200, /not one of writegate/],
  ['too few results', [results({ status: 'success' })], 200, /not one of writegate/],
  ['a first transaction that has to wait', [results({ status: 'retryable_error', message: 'Later.' }, { status: 'not_attempted' })], 200, /Later/],
  ['a first transaction that the device has to keep', [results(held, { status: 'not_attempted' })], 200, /taken/]
] as const) {
  test(`everything stays in the queue after ${name}`, async () => {
    const { fetch } = server(...says);
    const db = queue(1, 1);
    await assert.rejects(new WritegateConnector({ url, fetch, credentials: tokens().credentials }).uploadData(db), error(status, message));
    assert.deepEqual(db.left(), [1, 2]);
  });
}

test('everything stays in the queue while nobody is signed in', async () => {
  const { asked, fetch } = server(success);
  const db = queue(1);
  await assert.rejects(new WritegateConnector({ url, fetch, credentials: async () => null }).uploadData(db), error(0, /signed in/));
  assert.deepEqual([asked.length, db.left()], [0, [1]]);
});

test('everything stays in the queue when no fresh token can be had', async () => {
  const { fetch } = server({ status: 401 });
  const db = queue(1);
  let calls = 0;
  const credentials = async () => {
    if (calls++ > 0) throw new Error('offline');
    return { endpoint: 'https://sync.example.com', token: 'old' };
  };
  await assert.rejects(new WritegateConnector({ url, fetch, credentials }).uploadData(db), /offline/);
  assert.deepEqual(db.left(), [1]);
});

test('an upload that takes too long is given up', async () => {
  const fetch = (_: string, init: RequestInit) => new Promise<Response>((_, reject) => {
    init.signal!.addEventListener('abort', () => reject(init.signal!.reason));
  });
  const connector = new WritegateConnector({ url, fetch, credentials: tokens().credentials, timeout: 1 });
  await assert.rejects(connector.uploadData(queue(1)), error(0, /within 1 ms/));
});

for (const [name, rest, left] of [
  ['a retryable error', [{ status: 'retryable_error' }, { status: 'not_attempted' }], [2, 3]],
  ['one that the device has to keep', [held, { status: 'not_attempted' }], [2, 3]],
  ['a refusal that stopped the upload', [refused, { status: 'not_attempted' }], [3]],
  ['a refusal that did not', [refused, { status: 'success' }], []],
  ['a refusal that does not say it is kept', [{ status: 'fatal_error' }, { status: 'success' }], [2, 3]],
  ['a status of the future', [{ status: 'postponed' }, { status: 'success' }], [2, 3]]
] as const) {
  test(`what is settled leaves the queue, up to ${name}`, async () => {
    const { fetch } = server(results({ status: 'success' }, ...rest));
    const db = queue(1, 1, 1);
    await new WritegateConnector({ url, fetch, credentials: tokens().credentials }).uploadData(db);
    assert.deepEqual(db.left(), left);
  });
}

test('the app is told of a refusal before the device forgets it', async () => {
  const { fetch } = server(results({ status: 'success' }, refused));
  const db = queue(1, 1);
  const told: [Refusal, (number | undefined)[]][] = [];
  const onRefused = (refusal: Refusal) => void told.push([refusal, db.left()]);
  await new WritegateConnector({ url, fetch, credentials: tokens().credentials, onRefused }).uploadData(db);
  assert.equal(told.length, 1);
  const [[refusal, left]] = told as [[Refusal, number[]]];
  assert.deepEqual([refusal.transaction.transactionId, refusal.message, refusal.failed?.error_code, left], [2, refused.message, 'UNIQUE_VIOLATION', [1, 2]]);
});

test('a refusal that the app could not note stays in the queue, and what is before it leaves', async () => {
  const { fetch } = server(results({ status: 'success' }, refused, { status: 'success' }));
  const db = queue(1, 1, 1);
  const onRefused = async () => {
    throw new Error('disk full');
  };
  await assert.rejects(new WritegateConnector({ url, fetch, credentials: tokens().credentials, onRefused }).uploadData(db), /disk full/);
  assert.deepEqual(db.left(), [2, 3]);
});

test('a body that is too large is halved', async () => {
  const { asked, fetch } = server((now) => (now.body.transactions.length > 1 ? { status: 413 } : success(now)));
  const db = queue(1, 1, 1, 1, 1);
  await new WritegateConnector({ url, fetch, credentials: tokens().credentials }).uploadData(db);
  assert.deepEqual(asked.map((a) => a.body.transactions.length), [5, 3, 2, 1]);
  assert.deepEqual(db.left(), [2, 3, 4, 5]);
});

for (const status of [429, 503]) test(`a server that asks with ${status} to be left alone is left alone`, async () => {
  const { asked, fetch } = server({ status, headers: { 'retry-after': '7' } }, success);
  const db = queue(1);
  const connector = new WritegateConnector({ url, fetch, credentials: tokens().credentials });
  await assert.rejects(connector.uploadData(db), error(status, new RegExp(`${status}`)));
  await assert.rejects(connector.uploadData(db), error(status, /left alone for another [67]\d{3} ms/));
  assert.equal(asked.length, 1);
});

test('a server is left alone for five minutes at most', async () => {
  const { fetch } = server({ status: 503, headers: { 'retry-after': '1e9' } });
  const connector = new WritegateConnector({ url, fetch, credentials: tokens().credentials });
  await assert.rejects(connector.uploadData(queue(1)), error(503, /503/));
  await assert.rejects(connector.uploadData(queue(1)), error(503, /another (300000|29\d{4}) ms/));
});
