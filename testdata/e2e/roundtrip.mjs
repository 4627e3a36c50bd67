// Two devices write, offline and online, and must end with the same rows.
//
//   SYNC_URL=http://127.0.0.1:6060 UPLOAD_URL=http://127.0.0.1:6060 TOKEN=… USER_ID=… node roundtrip.mjs STYLE
//
// The last line on standard output is JSON: the rows that both devices have, the ids that the database was to
// refuse, and what the connectors met. Any fault ends with a status other than 0.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Device, until } from './client.mjs';

const style = process.argv[2] ?? 'identity';
const refusals = process.env.REFUSALS !== '0';
const user = process.env.USER_ID ?? randomUUID();
const now = () => new Date().toISOString();
const [A, B] = [new Device('A', style), new Device('B', style)];
const refused = [];

const sees = (device, what, sql, params, pred) => until(`${device.name} to see ${what}`, async () => pred(await device.db.getOptional(sql, params)));
const newList = (device, id, name) => device.execute('INSERT INTO lists(id, created_at, name, owner_id) VALUES(?, ?, ?, ?)', id, now(), name, user);

// Offline: A writes before it has ever connected.
const early = randomUUID();
await newList(A, early, 'offline');
await A.db.writeTransaction(async (tx) => {
  for (let i = 0; i < 3; i++) {
    await tx.execute('INSERT INTO todos(id, list_id, description, completed, created_at) VALUES(?, ?, ?, ?, ?)', [randomUUID(), early, `offline ${i}`, 0, now()]);
  }
});
await Promise.all([A.connect(), B.connect()]);
await sees(B, 'the offline rows', 'SELECT count(*) n FROM todos WHERE list_id = ?', [early], (r) => r.n === 3);

// Online: insert, update, several statements in one transaction, delete.
const [list, todo] = [randomUUID(), randomUUID()];
await newList(A, list, 'first');
await sees(B, 'an insert', 'SELECT name FROM lists WHERE id = ?', [list], (r) => r?.name === 'first');
await A.execute('UPDATE lists SET name = ? WHERE id = ?', 'second', list);
await sees(B, 'an update', 'SELECT name FROM lists WHERE id = ?', [list], (r) => r?.name === 'second');
await A.db.writeTransaction(async (tx) => {
  await tx.execute('INSERT INTO todos(id, list_id, description, completed, created_at) VALUES(?, ?, ?, ?, ?)', [todo, list, 'three statements', 0, now()]);
  await tx.execute('UPDATE todos SET completed = 1, completed_at = ? WHERE id = ?', [now(), todo]);
  await tx.execute('UPDATE lists SET name = ? WHERE id = ?', ['third', list]);
});
await sees(B, 'a transaction', 'SELECT t.completed, l.name FROM todos t JOIN lists l ON l.id = t.list_id WHERE t.id = ?', [todo], (r) => r?.completed === 1 && r.name === 'third');
await A.execute('DELETE FROM todos WHERE id = ?', todo);
await sees(B, 'a delete', 'SELECT id FROM todos WHERE id = ?', [todo], (r) => !r);

// Values of every kind, unicode and quotes, a large integer (as a BigInt, since the client sends numbers as
// floats: 1 travels as 1.0), null written over a value.
const sample = `sample-ä "quoted" \u{1F680} ${randomUUID()}`;
const empty = randomUUID();
await A.execute('INSERT INTO samples(id, t, i, r, n, b, j, ts, arr) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)',
  sample, "it's \"text\" \u{1F680}\n", 9007199254740991n, 1.5, '12345678901234567890.123456789', 1, '{"a":[1,null,"x"]}', '2026-01-02T03:04:05.678Z', '["a","b,c"]');
await A.execute('INSERT INTO samples(id, t) VALUES(?, ?)', empty, '');
await A.execute('UPDATE samples SET t = NULL WHERE id = ?', empty);
await sees(B, 'the samples', 'SELECT count(*) n FROM samples WHERE id IN (?, ?) AND (t IS NULL OR i = 9007199254740991)', [sample, empty], (r) => r.n === 2);

const kept = [early, list, sample, empty];

// An app that subscribes to streams gets the rows of all tables with whichever it asks for.
const subscription = await B.db.syncStream('anything', { list }).subscribe();
await subscription.waitForFirstSync(AbortSignal.timeout(60_000));
await until('a subscribed stream', () => B.db.currentStatus.forStream(subscription)?.subscription.hasSynced);
subscription.unsubscribe();

// The other direction.
await B.execute('UPDATE lists SET name = ? WHERE id = ?', 'from B', list);
await sees(A, 'what B wrote', 'SELECT name FROM lists WHERE id = ?', [list], (r) => r?.name === 'from B');

// A refused write does not stick: the queue goes on, and the row goes away again at the device that made it.
if (refusals) {
  const [bad, good] = [randomUUID(), randomUUID()];
  refused.push(bad);
  kept.push(good);
  await B.db.disconnect();
  await A.db.disconnect();
  await A.execute('INSERT INTO lists(id, created_at, owner_id) VALUES(?, ?, ?)', bad, now(), user);
  // A batch without transaction ids is one transaction, so what shares it with the refused write is refused too.
  if (style !== 'batch') await newList(A, good, 'after a refusal');
  await Promise.all([A.connect(), B.connect()]);
  if (style === 'batch') {
    await A.drained();
    await newList(A, good, 'after a refusal');
  }
  await sees(B, 'the write after the refused one', 'SELECT id FROM lists WHERE id = ?', [good], (r) => r);
  await A.drained();
  await sees(A, 'the refused row go', 'SELECT id FROM lists WHERE id = ?', [bad], (r) => !r);
}

await Promise.all([A.drained(), B.drained()]);
let rows;
await until('both devices to have the same rows', async () => {
  const [a, b] = await Promise.all([A.rows(), B.rows()]);
  rows = a;
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
});
for (const id of kept) assert.ok(rows.lists[id] ?? rows.samples[id], `row ${id} is missing`);
for (const id of refused) assert.ok(!rows.lists[id], `refused row ${id} is there`);
assert.equal(Object.values(rows.todos).filter((t) => t.list_id === early).length, 3);
console.log(JSON.stringify({
  style, rows, refused, fatal: A.refused.map((r) => r.failed_operation?.error_code),
  uploads: A.uploads + B.uploads, errors: [...A.errors, ...B.errors]
}));
await Promise.all([A.close(), B.close()]);
process.exit(0);
