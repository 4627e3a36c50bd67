package main

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bare does with pgx alone what the daemon does for an upload: one database transaction that locks the
// device's row, reads the ledger, locks the rows, writes, inserts the ledger row and commits. It decides
// nothing, so all of it travels in one exchange. Sets merges operations of one kind into one statement.
type bare struct {
	pool *pgxpool.Pool
	sets bool
}

const bareTables = `
create table if not exists bare_clients (client text primary key, subject text not null, last_op bigint not null, last_seen timestamptz not null);
create table if not exists bare_ledger (client text not null, first_op bigint not null, last_op bigint not null, subject text not null,
	settled_at timestamptz not null, ops bytea not null, primary key (client, last_op, first_op))`

func (b *bare) apply(ctx context.Context, s *sender, ops []op) error {
	first, last := ops[0].OpID, ops[len(ops)-1].OpID
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(`insert into bare_clients values ($1, $2, $3, now()) on conflict (client) do update set last_op = excluded.last_op, last_seen = now()`, s.device, s.subject, last)
	batch.Queue(`select first_op, last_op, ops from bare_ledger where client = $1 and last_op >= $2 and first_op <= $3`, s.device, first, last)
	ids := make([]string, len(ops))
	ledger := make([]byte, 0, 18*len(ops))
	for i, o := range ops {
		ids[i] = o.ID
		sum := sha256.Sum256([]byte(o.Op + o.Type + o.ID))
		ledger = append(append(ledger, 1, 0), sum[:16]...)
	}
	batch.Queue(`select id, owner_id, description, completed from todos where id = any($1) order by id for update`, ids)
	if b.sets {
		queueSets(batch, ops)
	} else {
		queueEach(batch, ops)
	}
	batch.Queue(`insert into bare_ledger values ($1, $2, $3, $4, now(), $5)`, s.device, first, last, s.subject, ledger)
	batch.Queue("commit")
	if err := b.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("bare pgx: %w", err)
	}
	return nil
}

const (
	insertTodo = `insert into todos (id, owner_id, list_id, description, completed, created_at) `
	updateTodo = `update todos set description = %s, completed = %s%s where todos.id = %s`
)

func queueEach(batch *pgx.Batch, ops []op) {
	for _, o := range ops {
		switch o.Op {
		case "PUT":
			batch.Queue(insertTodo+`values ($1, $2, $3, $4, $5, $6::text::timestamptz)`, o.ID, o.Data["owner_id"], o.Data["list_id"], o.Data["description"], o.Data["completed"] == 1, o.Data["created_at"])
		case "PATCH":
			batch.Queue(fmt.Sprintf(updateTodo, "$2", "$3", "", "$1"), o.ID, o.Data["description"], o.Data["completed"] == int64(1))
		case "DELETE":
			batch.Queue(`delete from todos where id = $1`, o.ID)
		}
	}
}

func queueSets(batch *pgx.Batch, ops []op) {
	var ins, upd struct {
		ids, owners, lists, texts, times []string
		done                             []bool
	}
	var del []string
	for _, o := range ops {
		switch o.Op {
		case "PUT":
			ins.ids, ins.owners, ins.lists = append(ins.ids, o.ID), append(ins.owners, o.Data["owner_id"].(string)), append(ins.lists, o.Data["list_id"].(string))
			ins.texts, ins.times, ins.done = append(ins.texts, o.Data["description"].(string)), append(ins.times, o.Data["created_at"].(string)), append(ins.done, o.Data["completed"] == 1)
		case "PATCH":
			upd.ids, upd.texts, upd.done = append(upd.ids, o.ID), append(upd.texts, o.Data["description"].(string)), append(upd.done, o.Data["completed"] == int64(1))
		case "DELETE":
			del = append(del, o.ID)
		}
	}
	if len(ins.ids) > 0 {
		batch.Queue(insertTodo+`select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bool[], $6::text[]::timestamptz[])`, ins.ids, ins.owners, ins.lists, ins.texts, ins.done, ins.times)
	}
	if len(upd.ids) > 0 {
		batch.Queue(fmt.Sprintf(updateTodo, "v.text", "v.done", " from unnest($1::uuid[], $2::text[], $3::bool[]) as v (id, text, done)", "v.id"), upd.ids, upd.texts, upd.done)
	}
	if len(del) > 0 {
		batch.Queue(`delete from todos where id = any($1)`, del)
	}
}
