import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WritegateError, exchange } from '../src/index.ts';
import { server } from './fakes.ts';

const url = 'https://write.example.com';
const good = { body: { token: 't', endpoint: 'https://sync.example.com', expires_at: '2030-01-02T03:04:05Z' } };

test('the token of the app is exchanged', async () => {
  const { asked, fetch } = server(good);
  const credentials = await exchange({ url, fetch, session: async () => 'own' })();
  assert.deepEqual(credentials, { token: 't', endpoint: 'https://sync.example.com', expiresAt: new Date('2030-01-02T03:04:05Z') });
  assert.deepEqual(asked.map((a) => [a.url, a.token]), [['https://write.example.com/api/auth/token', 'Bearer own']]);
});

test('nobody is asked when nobody is signed in', async () => {
  const { asked, fetch } = server(good);
  assert.equal(await exchange({ url, fetch, session: () => null })(), null);
  assert.equal(asked.length, 0);
});

test('without a session no token is sent', async () => {
  const { asked, fetch } = server(good);
  await exchange({ url: `${url}/`, fetch, path: '/api/auth/token?user_id=alice' })();
  assert.deepEqual(asked.map((a) => [a.url, a.token]), [['https://write.example.com/api/auth/token?user_id=alice', null]]);
});

test('an endpoint of the app comes first, and an answer needs neither endpoint nor end then', async () => {
  const credentials = exchange({ url, fetch: server({ body: { token: 't' } }).fetch, endpoint: 'https://other.example.com' });
  assert.deepEqual(await credentials(), { token: 't', endpoint: 'https://other.example.com' });
});

test('a device without a user stays the same one', async () => {
  const { asked, fetch } = server({ body: { ...good.body, device_secret: 's1' } }, good);
  let kept: string | null = null;
  const device = { load: () => kept, save: (secret: string) => void (kept = secret) };
  const credentials = exchange({ url, fetch, device });
  await credentials();
  assert.equal(kept, 's1');
  await credentials();
  assert.equal(kept, 's1');
  assert.deepEqual(asked.map((a) => [a.method, a.token, a.body]), [['GET', null, {}], ['POST', null, { device_secret: 's1' }]]);
});

test('a device that asks twice at once is one user', async () => {
  const { asked, fetch } = server((a) => ({ body: { ...good.body, ...(a.method === 'GET' && { device_secret: `s${asked.length}` }) } }));
  let kept: string | null = null;
  const device = { load: async () => kept, save: async (secret: string) => void (kept = secret) };
  const credentials = exchange({ url, fetch, device });
  await Promise.all([credentials(), credentials()]); // the sync stream, and an upload of what was written before it
  assert.deepEqual(asked.map((a) => [a.method, a.body]), [['GET', {}], ['POST', { device_secret: 's1' }]]);
});

test('a device that got no token asks again', async () => {
  const { asked, fetch } = server({ status: 503 }, { body: { ...good.body, device_secret: 's1' } });
  let kept: string | null = null;
  const credentials = exchange({ url, fetch, device: { load: () => kept, save: (secret) => void (kept = secret) } });
  const [first, second] = await Promise.allSettled([credentials(), credentials()]);
  assert.deepEqual([first.status, second.status, asked.length], ['rejected', 'fulfilled', 2]);
});

test('a secret that could not be kept is an error, since the next token would be for somebody else', async () => {
  const device = { load: () => null, save: async () => Promise.reject(new Error('disk full')) };
  const { fetch } = server({ body: { ...good.body, device_secret: 's1' } });
  await assert.rejects(exchange({ url, fetch, device })(), /disk full/);
});

for (const [name, keeps] of [['not at all', () => null], ['cut short', (secret: string) => secret.slice(0, 32)]] as const) {
  test(`a secret that is kept ${name} is an error, since the next token would be for somebody else`, async () => {
    const { fetch } = server({ body: { ...good.body, device_secret: 's'.repeat(43) } });
    let kept: string | null = null;
    const device = { load: () => kept, save: (secret: string) => void (kept = keeps(secret)) };
    await assert.rejects(exchange({ url, fetch, device })(), /not loaded as it was saved/);
  });
}

test('two tabs that begin at once are one user', async () => {
  let kept: string | null = null;
  const device = { load: async () => kept, save: async (secret: string) => void (kept = secret) };
  const { asked, fetch } = server((a) => {
    if (a.method === 'POST') return { body: { ...good.body, token: `of ${(a.body as unknown as { device_secret: string }).device_secret}` } };
    kept = 'of the other tab'; // which asked later, and was answered first
    return { body: { ...good.body, token: 'of nobody', device_secret: 'mine' } };
  });
  assert.equal((await exchange({ url, fetch, device })())?.token, 'of of the other tab');
  assert.deepEqual([asked.map((a) => a.method), kept], [['GET', 'POST'], 'of the other tab']);
});

const forbidden = { status: 403, body: { message: "The device's secret is not one that was given to it.", reason: 'issue.secret' } };
const damaged = (startOver?: () => boolean | Promise<boolean>) => {
  const device = { kept: 'damaged', load: () => device.kept, save: (secret: string) => void (device.kept = secret), ...(startOver && { startOver }) };
  return device;
};
const isForbidden = (e: unknown) => e instanceof WritegateError && e.status === 403;

for (const [name, startOver] of [['nobody says otherwise', undefined], ['the app says so', async () => false]] as const) {
  test(`a device whose secret is refused stays who it was as long as ${name}`, async () => {
    const { asked, fetch } = server((a) => (a.method === 'POST' ? forbidden : { body: { ...good.body, device_secret: 'new' } }));
    const device = damaged(startOver);
    const credentials = exchange({ url, fetch, device });
    await assert.rejects(credentials(), isForbidden);
    await assert.rejects(credentials(), isForbidden);
    assert.deepEqual([asked.map((a) => a.method), device.kept], [['POST', 'POST'], 'damaged']);
  });
}

test('a device whose secret is refused starts over when the app says so', async () => {
  const { asked, fetch } = server(forbidden, { body: { ...good.body, device_secret: 'new' } }, good);
  let queued = 1;
  const device = damaged(() => queued === 0);
  const credentials = exchange({ url, fetch, device });
  await assert.rejects(credentials(), isForbidden);
  asked.length = queued = 0; // the app has sent them by hand, or let them go
  assert.equal((await credentials())?.token, 't');
  await credentials();
  assert.deepEqual(asked.map((a) => [a.method, a.body]), [
    ['POST', { device_secret: 'damaged' }], ['GET', {}], ['POST', { device_secret: 'new' }]
  ]);
});

test('a device starts over only with a token in hand', async () => {
  const { fetch } = server(forbidden, { status: 503 });
  const device = damaged(() => true);
  await assert.rejects(exchange({ url, fetch, device })(), (e) => e instanceof WritegateError && e.status === 503);
  assert.equal(device.kept, 'damaged');
});

for (const [name, says, session] of [
  ['a proxy says no', { status: 403, body: '<html>' }, undefined],
  ['a gateway says no in JSON', { status: 403, body: { message: 'Forbidden' } }, undefined],
  ['the page may not call', { status: 403, body: { message: 'Pages of this origin may not call.' } }, undefined],
  ['the token of the app is what is refused', forbidden, () => 'own'],
  ['there is too much to do', { status: 429, body: { message: 'Later.' } }, undefined],
  ['the server can not read it', { status: 400, body: { message: 'No.' } }, undefined]
] as const) {
  test(`nobody asks whether to start over when ${name}`, async () => {
    const device = damaged(() => assert.fail('asked'));
    const { asked, fetch } = server(says);
    await assert.rejects(exchange({ url, fetch, device, ...(session && { session }) })(), (e) => e instanceof WritegateError && e.status === says.status);
    assert.deepEqual([asked.length, device.kept], [1, 'damaged']);
  });
}

for (const status of [429, 503]) {
  test(`a server that asks with ${status} to be left alone gives no token, and is left alone`, async () => {
    const { asked, fetch } = server({ status, headers: { 'retry-after': '7' } }, good);
    const credentials = exchange({ url, fetch, session: () => 'own' });
    const error = (message: RegExp) => (e: unknown) => e instanceof WritegateError && e.status === status && message.test(e.message);
    await assert.rejects(credentials(), error(new RegExp(`token: status ${status}`)));
    await assert.rejects(credentials(), error(/token: the server asks to be left alone for another [67]\d{3} ms/));
    assert.equal(asked.length, 1);
  });
}

test('a sign-out is one in a pause, too', async () => {
  let own: string | null = 'own';
  const credentials = exchange({ url, fetch: server({ status: 503, headers: { 'retry-after': '7' } }).fetch, session: () => own });
  await assert.rejects(credentials(), /503/);
  own = null;
  assert.equal(await credentials(), null);
});

for (const [name, says, status, message] of [
  ['a session that has ended', { status: 401, body: { message: 'The token has expired.' } }, 401, /The token has expired/],
  ['a server in trouble', { status: 503 }, 503, /status 503/],
  ['a token beside an error', { ...good, status: 500 }, 500, /status 500/],
  ['the page of a login', { body: '<html>' }, 200, /token/],
  ['a token that is none', { body: { token: 7 } }, 200, /token/],
  ['no endpoint', { body: { token: 't' } }, 200, /names no endpoint/],
  ['null', { body: 'null' }, 200, /token/]
] as const) {
  test(`${name} is an error, not a sign-out`, async () => {
    const credentials = exchange({ url, fetch: server(says).fetch, session: () => 'own' });
    await assert.rejects(credentials(), (e) => e instanceof WritegateError && e.status === status && message.test(e.message));
  });
}
