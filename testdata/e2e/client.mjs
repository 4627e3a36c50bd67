// A PowerSync client as an app would have it, and ways to wait for it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LogLevels, PowerSyncDatabase, Schema, Table, column, createConsoleLogger } from '@powersync/node';
import { connectorOf } from './connectors.mjs';

const PATIENCE = Number(process.env.PATIENCE_MS ?? 30_000);
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'writegate-e2e-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));

const schema = new Schema({
  lists: new Table({ created_at: column.text, name: column.text, owner_id: column.text }),
  todos: new Table({
    list_id: column.text, created_at: column.text, completed_at: column.text, description: column.text,
    created_by: column.text, completed_by: column.text, completed: column.integer, photo_id: column.text
  }, { indexes: { list: ['list_id'] } }),
  samples: new Table({
    t: column.text, i: column.integer, r: column.real, n: column.text, b: column.integer,
    j: column.text, ts: column.text, arr: column.text
  })
});

export const TABLES = ['lists', 'todos', 'samples'];

/** A device: its own SQLite file, and a connector of the style given. */
export class Device {
  constructor(name, style) {
    this.name = name;
    this.errors = [];
    this.refused = [];
    this.uploads = 0;
    this.db = new PowerSyncDatabase({
      schema,
      database: { dbFilename: `${name}.db`, dbLocation: scratch, implementation: { type: 'better-sqlite3' } },
      logger: createConsoleLogger({ prefix: name, minLevel: process.env.DEBUG ? LogLevels.debug : LogLevels.error })
    });
    const connector = connectorOf(style, this);
    this.connector = {
      fetchCredentials: () => connector.fetchCredentials(),
      uploadData: async (db) => {
        this.uploads++;
        try {
          await connector.uploadData(db);
        } catch (e) {
          this.errors.push(e.message);
          throw e;
        }
      }
    };
  }

  async connect() {
    await this.db.connect(this.connector, {
      connectionMethod: 'http', crudUploadThrottleMs: 10, retryDelayMs: 100,
      checkpointMode: process.env.CHECKPOINTS ?? 'legacy'
    });
    await this.db.waitForFirstSync(AbortSignal.timeout(PATIENCE));
    if (!this.db.currentStatus.hasSynced) throw new Error(`${this.name}: no first sync: ${this.db.currentStatus.downloadError}`);
  }

  execute(sql, ...params) {
    return this.db.execute(sql, params);
  }

  /** Resolves when nothing is queued and the service says that it has what was uploaded. */
  async drained() {
    await until(`${this.name}: an empty upload queue`, async () => (await this.db.getUploadQueueStats()).count === 0);
    await until(`${this.name}: its write checkpoint`, async () => {
      const wanted = await this.db.getOptional("SELECT CAST(value AS TEXT) v FROM ps_kv WHERE key = 'target_checkpoint_request_id'");
      const applied = this.db.currentStatus.core?.internal_last_applied_checkpoint_request_id;
      return wanted?.v == null || applied != null && BigInt(applied) >= BigInt(wanted.v);
    });
  }

  /** All rows, by table and id. */
  async rows() {
    const all = {};
    for (const t of TABLES) {
      all[t] = Object.fromEntries((await this.db.getAll(`SELECT * FROM ${t} ORDER BY id`)).map(({ id, ...row }) => [id, row]));
    }
    return all;
  }

  async close() {
    await this.db.close();
  }
}

/** Asks again and again until it is true; fails after a minute, saying what it waited for. */
export async function until(what, ask) {
  const end = performance.now() + PATIENCE;
  while (!(await ask())) {
    if (performance.now() > end) throw new Error(`waited ${PATIENCE} ms for ${what}`);
    await sleep(10);
  }
}
