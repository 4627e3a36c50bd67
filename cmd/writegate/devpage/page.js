// The page of `writegate dev`: it gets a token for the user in the box, and shows what is inside.
const $ = (id) => document.getElementById(id);
let asked = 0;

$('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  get($('user').value.trim());
});

for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', () => copy($(button.dataset.copy)));
}

/** Gets a token. An answer that is overtaken by a later question is not shown. */
async function get(user) {
  const mine = ++asked;
  $('given').hidden = true;
  say(`Asking for a token for ${user} …`);
  try {
    const res = await fetch(`/api/auth/token?${new URLSearchParams({ user_id: user })}`, { cache: 'no-store' });
    const answer = await res.json().catch(() => ({})); // what is no JSON is not from this server
    if (mine !== asked) return;
    if (!res.ok || typeof answer.token !== 'string') throw new Error(answer.message ?? `status ${res.status}.`);
    show(answer);
  } catch (err) {
    if (mine === asked) say(`No token: ${err.message}`);
  }
}

function show({ token, endpoint, user_id: user, expires_at: ends }) {
  const [header, claims] = token.split('.', 2).map(decode);
  $('endpoint').value = endpoint;
  $('token').value = token;
  $('header').textContent = JSON.stringify(header, null, 2);
  $('claims').textContent = JSON.stringify(claims, null, 2);
  $('ends').textContent = `It ends ${new Date(ends).toLocaleString()}.`;
  $('given').hidden = false;
  say(`A token for ${user}.`);
}

/** Reads a part of a token, which is JSON in UTF-8 in base64url. */
function decode(part) {
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    say('Copied.');
  } catch {
    field.select(); // the browser does not let pages write to the clipboard
    say('Selected: copy it with the keyboard.');
  }
}

function say(text) {
  $('status').textContent = text;
}

get($('user').value);
