// What is used of the SDK's database, so that this module fits every PowerSync package for JavaScript, and needs none.

/** One local change: the SDK's CrudEntry. */
export interface Operation {
  /** The number of the operation on its device: what writegate calls the op id. */
  clientId: number;
  transactionId?: number | undefined;
  op: string;
  table: string;
  id: string;
  opData?: Record<string, unknown> | undefined;
  /** There with `trackPrevious` on the table. */
  previousValues?: Record<string, unknown> | undefined;
  /** There with `trackMetadata` on the table. */
  metadata?: string | undefined;
}

/** What one local transaction changed: the SDK's CrudTransaction. */
export interface Transaction {
  crud: Operation[];
  transactionId?: number | undefined;
  /** Takes this transaction and all before it out of the queue. */
  complete(): Promise<void>;
}

/** The database that the SDK passes to `uploadData`. */
export interface Database {
  getClientId(): Promise<string>;
  getCrudTransactions(): AsyncIterable<Transaction>;
}

/** Reads whole transactions from the head of the queue: as many as fit, and at least one if there is one. */
export async function take(db: Database, maxTransactions: number, maxOperations: number): Promise<Transaction[]> {
  const taken: Transaction[] = [];
  let operations = 0;
  for await (const tx of db.getCrudTransactions()) {
    if (taken.length > 0 && operations + tx.crud.length > maxOperations) break;
    taken.push(tx);
    operations += tx.crud.length;
    if (taken.length >= maxTransactions) break;
  }
  return taken;
}

/** The body of an upload. */
export function body(device: string, transactions: Transaction[]): string {
  return JSON.stringify({
    client_id: device,
    transactions: transactions.map((tx) => ({ transaction_id: tx.transactionId, crud: tx.crud.map(operation) }))
  });
}

function operation(o: Operation) {
  return {
    op_id: o.clientId,
    tx_id: o.transactionId,
    op: o.op,
    table: o.table,
    id: o.id,
    data: o.opData,
    old: o.previousValues,
    metadata: o.metadata
  };
}
