import { type Answer, WritegateError, refusal } from './http.ts';
import type { Transaction } from './queue.ts';

/** What became of one transaction. */
export type Result =
  | { status: 'success' | 'not_attempted' }
  | { status: 'retryable_error'; message?: string }
  | { status: 'fatal_error'; requires_client_handling: boolean; message?: string; failed_operation?: FailedOperation };

/** The first operation to blame for a refusal. */
export interface FailedOperation {
  /** Such as UNIQUE_VIOLATION or UNAUTHORIZED. */
  error_code: string;
  message?: string;
  details?: { code?: string; table?: string; column?: string };
  /** Its place in the transaction, from 0. */
  operation_index?: number;
}

/** A transaction that was refused for good. The server keeps it; the device forgets it. */
export interface Refusal {
  transaction: Transaction;
  /** In words that may be shown to the user, as text and not as markup: names of tables and columns are in it as the device sent them. */
  message: string;
  failed?: FailedOperation;
}

/** The results in an answer to an upload of `n` transactions. It throws unless there is one for each. */
export function resultsOf(answer: Answer, n: number): Result[] {
  const results = (answer.body as { results?: unknown } | null | undefined)?.results;
  if (answer.status !== 200) throw refusal('upload', answer);
  if (!Array.isArray(results) || results.length !== n) throw new WritegateError(answer.status, 'upload: the answer is not one of writegate');
  return results as Result[];
}

/** Whether the device may forget a transaction. */
export function isSettled(result: Result | undefined): boolean {
  return result?.status === 'success' || isRefused(result);
}

/** Whether a transaction was refused for good and is kept by the server. */
export function isRefused(result: Result | undefined): result is Result & { status: 'fatal_error' } {
  return result?.status === 'fatal_error' && result.requires_client_handling === false;
}

/** Why a transaction stays on the device. */
export function heldBack(answer: Answer, result: Result | undefined): WritegateError {
  const message = result && 'message' in result ? result.message : undefined;
  return new WritegateError(answer.status, `upload: ${message ?? 'nothing is settled yet'}`);
}
