import type { PowerSyncBackendConnector } from '@powersync/common';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WritegateConnector, exchange } from '../src/index.ts';

// That this compiles is the test: the SDK takes the connector as it is.
test('the SDK takes it', () => {
  const url = 'https://write.example.com';
  const connector: PowerSyncBackendConnector = new WritegateConnector({ url, credentials: exchange({ url }) });
  assert.equal(typeof connector.uploadData, 'function');
});
