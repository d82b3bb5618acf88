// What people do on the account page, in a real browser: passkeys with a virtual authenticator, and a real identity provider.
import assert from 'node:assert/strict';
import {chromium} from 'playwright-core';
import {PASSWORD, register, start} from './installation.mjs';

const [binary, executablePath] = process.argv.slice(2);
let passed = 0;
let failed = 0;

async function step(what, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok    ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${what}\n${error.stack ?? error}`);
    throw error;
  }
}

/** A browser without a past, with the account page open. What the page's policy refuses, and what its script breaks off at, fails. */
async function visitor(browser, board, complaints) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  page.on('pageerror', (error) => complaints.push(`${error}`));
  page.on('console', (message) => {
    const isOurs = message.type() === 'error' && message.location().url.startsWith(board.url);
    // A refusal of the API is an answer; the browser notes it as an error.
    if (isOurs && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  await page.goto(`${board.url}/account`);
  await page.getByRole('button', {name: 'Sign in with a passkey'}).waitFor();
  return page;
}

async function withPassword(page, email) {
  await page.getByLabel('E-mail address').fill(email);
  await page.locator('#password-form input[name=password]').fill(PASSWORD);
  await page.getByRole('button', {name: 'Sign in', exact: true}).click();
  await page.getByText(`(${email})`).waitFor();
}

async function leave(page) {
  await page.getByRole('button', {name: 'Sign out'}).click();
  await page.getByRole('button', {name: 'Sign in with a passkey'}).waitFor();
}

const usePasskey = (page) => page.getByRole('button', {name: 'Sign in with a passkey'}).click();

/** At the provider: says who one is, and agrees. */
async function atProvider(page, person) {
  await page.locator('input[name=login]').fill(person);
  await page.locator('input[name=password]').fill('whatever');
  await page.locator('button[type=submit]').click();
  await page.getByRole('button', {name: 'Continue'}).click();
}

async function passkeys(browser, board, complaints) {
  const email = 'ada@people.example';
  await register(board, email);
  const page = await visitor(browser, board, complaints);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const {authenticatorId} = await devtools.send('WebAuthn.addVirtualAuthenticator', {options: {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  }});
  const known = async () => (await devtools.send('WebAuthn.getCredentials', {authenticatorId})).credentials;

  await step('a passkey is added after signing in with the password', async () => {
    await withPassword(page, email);
    await page.getByLabel('A name for the new one').fill('Laptop');
    await page.getByRole('button', {name: 'Add a passkey'}).click();
    await page.getByText('The passkey was added.').waitFor();
    await page.locator('#passkeys').getByText('Laptop').waitFor();
    const [credential, ...others] = await known();
    assert.deepEqual([credential.isResidentCredential, credential.rpId, others.length], [true, 'localhost', 0]);
  });
  await step('the device is not asked for a second one', async () => {
    await page.getByLabel('A name for the new one').fill('Again');
    await page.getByRole('button', {name: 'Add a passkey'}).click();
    await page.locator('#news.mistake').waitFor();
    assert.equal((await known()).length, 1);
  });
  await step('it signs in without address and password', async () => {
    await leave(page);
    await usePasskey(page);
    await page.getByText(`(${email})`).waitFor();
    await page.locator('#passkeys').getByText('used').waitFor();
  });
  await step('its owner calls it something else', async () => {
    page.once('dialog', (dialog) => dialog.accept('<b>Old</b> laptop'));
    await page.getByRole('button', {name: 'Rename'}).click();
    await page.locator('#passkeys').getByText('<b>Old</b> laptop').waitFor();
  });
  await step('a device that does not know its user signs nobody in', async () => {
    await leave(page);
    await devtools.send('WebAuthn.setUserVerified', {authenticatorId, isUserVerified: false});
    await usePasskey(page);
    await page.getByText('Nothing was signed.').waitFor();
    await devtools.send('WebAuthn.setUserVerified', {authenticatorId, isUserVerified: true});
  });
  await step('a copy of the device that has counted less is refused', async () => {
    const [credential] = await known();
    await devtools.send('WebAuthn.removeCredential', {authenticatorId, credentialId: credential.credentialId});
    await devtools.send('WebAuthn.addCredential', {authenticatorId, credential: {...credential, signCount: 0}});
    await usePasskey(page);
    await page.getByText('This passkey is not known here.').waitFor();
    await devtools.send('WebAuthn.removeCredential', {authenticatorId, credentialId: credential.credentialId});
    await devtools.send('WebAuthn.addCredential', {authenticatorId, credential: {...credential, signCount: credential.signCount + 10}});
    await usePasskey(page);
    await page.getByText(`(${email})`).waitFor();
  });
  await step('a removed passkey is refused', async () => {
    await page.locator('#passkeys').getByRole('button', {name: 'Remove'}).click();
    await page.locator('#passkeys li').waitFor({state: 'detached'});
    assert.equal((await known()).length, 1, 'the device still has it');
    await leave(page);
    await usePasskey(page);
    await page.getByText('This passkey is not known here.').waitFor();
  });
  await page.context().close();
}

async function providers(browser, board, complaints) {
  await step('a first sign-in with the provider makes an account, and leaves nothing in the address', async () => {
    const page = await visitor(browser, board, complaints);
    await page.getByRole('button', {name: 'Sign in with Acme'}).click();
    await atProvider(page, 'grace');
    await page.getByText('grace of Acme (grace@acme.example)').waitFor();
    assert.equal(page.url(), `${board.url}/account`);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    await page.locator('#identities').getByText('acme').waitFor();
    // The provider remembers; the account is the same.
    await leave(page);
    await page.getByRole('button', {name: 'Sign in with Acme'}).click();
    await page.getByText('grace of Acme (grace@acme.example)').waitFor();
    assert.equal(await page.locator('#identities li').count(), 1);
    await page.context().close();
  });
  await step('without a verified address there is no account', async () => {
    const page = await visitor(browser, board, complaints);
    await page.getByRole('button', {name: 'Sign in with Acme'}).click();
    await atProvider(page, 'nobody');
    await page.getByText('the provider names no verified e-mail address').waitFor();
    await page.context().close();
  });
  await step('an account with a password is connected by its owner, not by its address', async () => {
    const email = 'ada@acme.example';
    await register(board, email);
    const page = await visitor(browser, board, complaints);
    await page.getByRole('button', {name: 'Sign in with Acme'}).click();
    await atProvider(page, 'ada');
    await page.getByText('there is an account with this address').waitFor();
    await withPassword(page, email);
    await page.getByRole('button', {name: 'Connect Acme'}).click();
    await page.getByText('The provider is connected.').waitFor();
    await page.locator('#identities').getByText('acme').waitFor();
    await leave(page);
    await page.getByRole('button', {name: 'Sign in with Acme'}).click();
    await page.getByText(`Ada Example (${email})`).waitFor();
    await page.locator('#identities').getByRole('button', {name: 'Disconnect'}).click();
    await page.locator('#identities li').waitFor({state: 'detached'});
    await page.context().close();
  });
  await step("nobody is signed in with somebody else's code", async () => {
    const eve = await visitor(browser, board, complaints);
    const finish = `${board.url}/v1/auth/providers/acme/finish`;
    await eve.route(finish, (route) => route.abort());
    const [brought] = await Promise.all([
      eve.waitForRequest((request) => request.url().startsWith(`${board.url}/sign-in/acme?`)),
      eve.waitForRequest(finish),
      eve.getByRole('button', {name: 'Sign in with Acme'}).click().then(() => atProvider(eve, 'eve')),
    ]);
    assert.match(brought.url(), /[?&]code=/);
    const victim = await visitor(browser, board, complaints);
    await victim.goto(brought.url());
    await victim.getByText('This sign-in was begun elsewhere.').waitFor();
    // Nor in the middle of a sign-in of one's own.
    await victim.evaluate(async () => {
      const headers = {'Content-Type': 'application/json'};
      const flow = await (await fetch('/v1/auth/providers/acme/start', {method: 'POST', headers, body: '{}'})).json();
      sessionStorage.setItem('backplane-flow', JSON.stringify({provider: 'acme', flow_token: flow.flow_token}));
    });
    await victim.goto(brought.url());
    await victim.getByText('the sign-in took too long, or was begun elsewhere').waitFor();
    assert.equal(await victim.locator('#inside').isVisible(), false);
    await eve.context().close();
    await victim.context().close();
  });
}

const board = await start(binary);
const complaints = [];
let browser;
try {
  browser = await chromium.launch({executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage']});
  await passkeys(browser, board, complaints);
  await providers(browser, board, complaints);
  await step('no page broke its policy or its script', () => assert.deepEqual(complaints, []));
  await step('no secret is in the log', () => assert.doesNotMatch(board.log(), /[?&](code|token|state)=|@(people|acme)\.example/));
} catch (error) {
  // A step has told already what is wrong with it.
  if (failed === 0) {
    failed += 1;
    console.log(`FAIL  between the steps\n${error.stack ?? error}`);
  }
} finally {
  await browser?.close();
  const log = await board.stop();
  if (failed > 0) console.log(log);
  console.log(`${passed} passed, ${failed} failed`);
}
process.exit(failed === 0 ? 0 : 1);
