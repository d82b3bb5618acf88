'use strict';
// The account page. The access token lives in this variable, and in the tab's storage only while the browser is at an identity
// provider to connect it. Nothing from outside becomes markup: every text goes in as text.
let token = null;
let challenge = null;
const FLOW = 'backplane-flow';
const at = (id) => document.getElementById(id);

class Refused extends Error {
  constructor(problem) {
    super(problem.errors?.[0]?.detail ?? problem.detail ?? 'That did not work.');
    this.problem = problem;
  }
}

async function call(method, path, body) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await fetch(path, {method, headers, body: body === undefined ? undefined : JSON.stringify(body)});
  const said = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Refused(said);
  return said;
}

function tell(words, isMistake = false) {
  at('news').textContent = words;
  at('news').classList.toggle('mistake', isMistake);
  at('news').hidden = !words;
}

// Every button's work: what goes wrong is told in the page.
function works(work) {
  return async (event) => {
    event?.preventDefault();
    tell('');
    try {
      await work(event);
    } catch (error) {
      tell(error.name === 'NotAllowedError' ? 'Nothing was signed.' : error.message, true);
      if (error.problem?.code === 'token_rejected') await leave();
    }
  };
}

function button(label, work, kind = '') {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = kind;
  made.textContent = label;
  made.addEventListener('click', works(work));
  return made;
}

function line(words, ...buttons) {
  const item = document.createElement('li');
  const text = document.createElement('p');
  text.textContent = words;
  item.append(text, ...buttons);
  return item;
}

const day = (time) => new Date(time).toLocaleString();
const proof = () => (at('again').value ? {password: at('again').value} : {});

async function enter(tokens) {
  token = tokens.access_token;
  challenge = null;
  at('code-form').hidden = true;
  at('password-form').reset();
  at('code-form').reset();
  await show();
}

async function show() {
  at('outside').hidden = token !== null;
  at('inside').hidden = token === null;
  const providers = (await call('GET', '/v1/auth/providers')).data;
  const go = (provider, isInside) =>
    button(isInside ? `Connect ${provider.title}` : `Sign in with ${provider.title}`, () => depart(provider.name, isInside));
  at('providers').replaceChildren(...providers.map((provider) => go(provider, false)));
  if (token === null) return;
  const [me, passkeys, identities, sessions] = await Promise.all(
    ['', '/passkeys', '/identities', '/sessions'].map((path) => call('GET', `/v1/me${path}`)));
  at('who').textContent = `${me.name} (${me.email})`;
  at('passkeys').replaceChildren(...passkeys.data.map((key) => line(
    `${key.name} \u2013 added ${day(key.created_at)}` + (key.last_used_at ? `, used ${day(key.last_used_at)}` : ''),
    button('Rename', () => rename(key), 'quiet'), ' ', button('Remove', () => remove('passkeys', key.id), 'danger'))));
  at('identities').replaceChildren(...identities.data.map((one) => line(
    `${one.provider} \u2013 connected ${day(one.created_at)}`, button('Disconnect', () => remove('identities', one.id), 'danger'))));
  at('connect').replaceChildren(...providers.map((provider) => go(provider, true)));
  at('sessions').replaceChildren(...sessions.data.map((one) => line(
    `${one.user_agent ?? 'A program without a name'} \u2013 since ${day(one.created_at)}`, button('End', () => end(one.id), 'quiet'))));
}

async function leave() {
  token = null;
  await show();
}

async function rename(key) {
  const name = window.prompt('How should it be called?', key.name);
  if (name) await call('PATCH', `/v1/me/passkeys/${key.id}`, {name});
  await show();
}

async function remove(kind, id) {
  await call('POST', `/v1/me/${kind}/${id}/remove`, proof());
  await show();
}

async function end(id) {
  await call('DELETE', `/v1/me/sessions/${id}`);
  await show();
}

async function addPasskey(event) {
  const options = await call('POST', '/v1/me/passkeys/options', proof());
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.public_key);
  const credential = await navigator.credentials.create({publicKey});
  const name = event.target.elements.name.value;
  await call('POST', '/v1/me/passkeys', {name, credential: credential.toJSON()});
  event.target.reset();
  tell('The passkey was added.');
  await show();
}

async function usePasskey() {
  const options = await call('POST', '/v1/auth/passkey/options', {});
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.public_key);
  const credential = await navigator.credentials.get({publicKey});
  try {
    await enter(await call('POST', '/v1/auth/passkey', {credential: credential.toJSON()}));
  } catch (error) {
    throw error.problem?.code === 'credentials_invalid' ? new Error('This passkey is not known here.') : error;
  }
}

// With a second factor the first step answers with a problem that carries the token of the second.
async function secondStepOr(step) {
  try {
    await enter(await step());
  } catch (error) {
    if (error.problem?.code !== 'mfa_required') throw error;
    challenge = error.problem.mfa_token;
    at('code-form').hidden = false;
    at('code-form').elements.code.focus();
  }
}

// The token stays in this tab: whoever is sent to our page with somebody else's code has none, and is refused.
async function depart(provider, isConnecting) {
  const flow = isConnecting
    ? await call('POST', '/v1/me/identities/start', {provider, ...proof()})
    : await call('POST', `/v1/auth/providers/${provider}/start`, {});
  const kept = {provider, flow_token: flow.flow_token, access_token: isConnecting ? token : null};
  sessionStorage.setItem(FLOW, JSON.stringify(kept));
  window.location.assign(flow.authorization_url);
}

async function arrive() {
  const found = /^\/sign-in\/([a-z0-9-]+)$/.exec(window.location.pathname);
  if (!found) return show();
  const given = new URLSearchParams(window.location.search);
  const kept = JSON.parse(sessionStorage.getItem(FLOW) ?? 'null');
  sessionStorage.removeItem(FLOW);
  // The code is out of the address, and out of the history.
  window.history.replaceState(null, '', '/account');
  await show();
  if (given.has('error')) throw new Error('The provider did not sign you in.');
  if (!given.has('code')) return;
  if (kept?.provider !== found[1]) throw new Error('This sign-in was begun elsewhere. Begin again here.');
  const answer = {flow_token: kept.flow_token, state: given.get('state') ?? '', code: given.get('code')};
  if (given.has('iss')) answer.iss = given.get('iss');
  if (kept.access_token) {
    token = kept.access_token;
    await call('POST', '/v1/me/identities', {provider: kept.provider, ...answer});
    tell('The provider is connected.');
    await show();
  } else {
    await secondStepOr(() => call('POST', `/v1/auth/providers/${kept.provider}/finish`, answer));
  }
}

at('password-form').addEventListener('submit', works((event) => {
  const {email, password} = event.target.elements;
  return secondStepOr(() => call('POST', '/v1/auth/login', {email: email.value, password: password.value}));
}));
at('code-form').addEventListener('submit', works(async (event) => {
  const code = event.target.elements.code.value;
  await enter(await call('POST', '/v1/auth/mfa', {mfa_token: challenge, code}));
}));
at('passkey-button').addEventListener('click', works(usePasskey));
at('new-passkey').addEventListener('submit', works(addPasskey));
at('leave').addEventListener('click', works(async () => {
  await call('POST', '/v1/auth/logout');
  await leave();
}));
works(arrive)();
