// One device writes the same rows again and again, several transactions to an upload, while answers get lost.
//
//   SYNC_URL=… UPLOAD_URL=… TOKEN=… USER_ID=… MAX_TRANSACTIONS=7 node effects.mjs STYLE
//
// With CONTROL_URL the device has been online before, and the network is taken from it and given back there.
//
// Every value is written once, so whatever a trigger in the database saw twice was applied twice. The last
// line on standard output is JSON: what the device did, in order, and the names that its rows end with.
import { randomUUID } from 'node:crypto';
import { Device } from './client.mjs';

const style = process.argv[2] ?? 'identity';
const user = process.env.USER_ID ?? randomUUID();
const A = new Device('A', style);
const rows = Array.from({ length: 4 }, () => randomUUID());
const effects = [];
let value = 0;

async function network(state) {
  const res = await fetch(`${process.env.CONTROL_URL}/${state}`);
  if (!res.ok) throw new Error(`network ${state}: ${await res.text()}`);
}

async function put(id) {
  const name = `v${++value}`;
  await A.execute('INSERT INTO lists(id, created_at, name, owner_id) VALUES(?, ?, ?, ?)', id, new Date().toISOString(), name, user);
  effects.push({ kind: 'INSERT', id, name });
}
async function patch(id) {
  const name = `v${++value}`;
  await A.execute('UPDATE lists SET name = ? WHERE id = ?', name, id);
  effects.push({ kind: 'UPDATE', id, name });
}
async function remove(id) {
  const { name } = await A.db.get('SELECT name FROM lists WHERE id = ?', [id]);
  await A.execute('DELETE FROM lists WHERE id = ?', id);
  effects.push({ kind: 'DELETE', id, name });
}

if (process.env.CONTROL_URL) {
  await A.connect();
  await A.drained();
  await network('down');
}
// All offline, so that it goes up in as few and as full requests as the connector makes.
for (const id of rows) await put(id);
for (let round = 0; round < 5; round++) {
  for (const id of rows) await patch(id);
  await patch(rows[0]);
  await remove(rows[1]);
  await put(rows[1]);
  await patch(rows[1]);
}
if (process.env.CONTROL_URL) await network('up');
else await A.connect();
await A.drained();
// Online, one by one.
for (let round = 0; round < 6; round++) {
  await patch(rows[round % rows.length]);
  await A.drained();
}
const { lists } = await A.rows();
const names = Object.fromEntries(rows.filter((id) => lists[id]).map((id) => [id, lists[id].name]));
console.log(JSON.stringify({ style, effects, names, uploads: A.uploads, errors: A.errors }));
await A.close();
process.exit(0);
