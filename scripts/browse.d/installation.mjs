// The program and an identity provider, started for one run and thrown away.
import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import Provider from 'oidc-provider';

export const PASSWORD = 'correct horse battery';
const SECRET = 'known to the board & its provider';

/** A port on which nobody listens. */
async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const {port} = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Asks `question` again until it has an answer; for what another process does in its own time. */
export async function eventually(what, question) {
  const end = Date.now() + 120_000;
  while (Date.now() < end) {
    const answer = await question();
    if (answer) return answer;
    await new Promise((ready) => setTimeout(ready, 50));
  }
  throw new Error(`${what}: not within two minutes`);
}

/** An identity provider that lets everybody in by the name that they type; `nobody` has no verified address. */
async function startProvider(board) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'board', client_secret: SECRET, redirect_uris: [`${board}/sign-in/acme`],
      grant_types: ['authorization_code'], response_types: ['code'],
    }],
    claims: {openid: ['sub'], email: ['email', 'email_verified'], profile: ['name']},
    pkce: {required: () => true},
    cookies: {keys: ['one run only']},
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({sub: id, email: `${id}@acme.example`, email_verified: id !== 'nobody', name: `${id} of Acme`}),
    }),
  });
  const server = provider.listen(port, '127.0.0.1');
  await new Promise((ready) => server.once('listening', ready));
  return {issuer, stop: () => server.closeAllConnections() ?? server.close()};
}

/** Everything, running. */
export async function start(binary) {
  const directory = mkdtempSync(join(tmpdir(), 'backplane-browse-'));
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const provider = await startProvider(url);
  const secretFile = join(directory, 'secret');
  writeFileSync(secretFile, `${SECRET}\n`, {mode: 0o600});
  const settings = {
    DATA_DIR: join(directory, 'data'), SERVER__BIND: `127.0.0.1:${port}`, SERVER__PUBLIC_URL: url, LIMITS__ENABLED: 'false',
    OIDC__ACME__ISSUER: provider.issuer, OIDC__ACME__CLIENT_ID: 'board', OIDC__ACME__CLIENT_SECRET_FILE: secretFile,
    OIDC__ACME__TITLE: 'Acme', OIDC__ACME__ALLOW_LOCAL: 'true',
  };
  const env = {...process.env};
  for (const [name, value] of Object.entries(settings)) env[`BACKPLANE_${name}`] = value;
  const child = spawn(binary, ['serve'], {env, stdio: ['ignore', 'ignore', 'pipe']});
  // Nothing outlives the run, however it ends.
  process.once('exit', () => child.kill('SIGKILL'));
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(1));
  let log = '';
  child.stderr.on('data', (text) => { log += text; });
  const ended = new Promise((done) => child.once('exit', done));
  const call = (path, options) => fetch(`http://127.0.0.1:${port}${path}`, options);
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    provider.stop();
    rmSync(directory, {recursive: true, force: true});
    return log;
  };
  try {
    await eventually('the board is ready', async () => {
      if (child.exitCode !== null) throw new Error(`the board ended: ${log}`);
      return (await call('/readyz').catch(() => null))?.ok;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {url, stop, call, mails: join(directory, 'data', 'mail'), log: () => log};
}

/** Registers `email` and verifies it with the token from the mail. */
export async function register(board, email) {
  const post = (path, body) => board.call(path, {
    method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body),
  });
  const asked = await post('/v1/auth/register', {email, password: PASSWORD, name: 'Ada Example'});
  if (asked.status !== 202) throw new Error(`registering: ${await asked.text()}`);
  const token = await eventually(`a mail to ${email}`, () => {
    for (const name of existsSync(board.mails) ? readdirSync(board.mails) : []) {
      const mail = readFileSync(join(board.mails, name), 'utf8').replaceAll('=\r\n', '').replaceAll('=3D', '=');
      const found = mail.includes(email) && /verify-email[^\s]*token=([\w-]+)/.exec(mail);
      if (found) return found[1];
    }
    return null;
  });
  const verified = await post('/v1/auth/verify-email', {token});
  if (verified.status !== 200) throw new Error(`verifying: ${await verified.text()}`);
}
