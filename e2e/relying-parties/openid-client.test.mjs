// The npm package openid-client, unchanged: code with PKCE, userinfo, refresh, revocation and logout.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import * as oidc from 'openid-client'
import { Browser } from './browser.mjs'

const base = process.env.BASE_URL
const clientId = 'journeys'
const redirect_uri = 'http://127.0.0.1:9/callback'
const post_logout_redirect_uri = 'http://127.0.0.1:9/signed-out'

test('openid-client signs in, reads userinfo, refreshes, revokes and signs out', async () => {
  const email = `${randomUUID()}@relying-parties.example`
  const password = `correct horse ${randomUUID()}`
  const made = await fetch(`${base}/identity/v1/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password, name: 'Ayşe Yılmaz', city: 'İzmir' }),
  })
  assert.equal(made.status, 201, await made.clone().text())

  const options = base.startsWith('http:') ? { execute: [oidc.allowInsecureRequests] } : {}
  const provider = await oidc.discovery(new URL(`${base}/identity`), clientId, undefined, oidc.None(), options)

  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const expectedState = oidc.randomState()
  const expectedNonce = oidc.randomNonce()
  const question = oidc.buildAuthorizationUrl(provider, {
    redirect_uri,
    scope: 'openid email profile offline_access',
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
  })
  const browser = new Browser()
  const { left } = await browser.submit(await browser.open(question), '/identity/sign-in', { email, password })
  assert.ok(left, 'signing in leads back to the client')
  const tokens = await oidc.authorizationCodeGrant(provider, left, {
    pkceCodeVerifier,
    expectedState,
    expectedNonce,
    idTokenExpected: true,
  })
  const userinfo = await oidc.fetchUserInfo(provider, tokens.access_token, tokens.claims().sub)
  assert.equal(userinfo.email, email)

  const refreshed = await oidc.refreshTokenGrant(provider, tokens.refresh_token)
  assert.notEqual(refreshed.refresh_token, tokens.refresh_token)

  // A second sign-in in the same browser asks for nothing.
  const again = oidc.buildAuthorizationUrl(provider, {
    redirect_uri,
    scope: 'openid',
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()),
    code_challenge_method: 'S256',
    prompt: 'none',
    state: expectedState,
  })
  assert.ok((await browser.open(again)).left.searchParams.has('code'))

  await oidc.tokenRevocation(provider, refreshed.refresh_token)
  await assert.rejects(oidc.refreshTokenGrant(provider, refreshed.refresh_token), { error: 'invalid_grant' })

  const bye = oidc.buildEndSessionUrl(provider, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri,
    state: 'bye',
  })
  let gone = await browser.open(bye)
  if (!gone.left) gone = await browser.submit(gone, '/identity/logout', {})
  assert.equal(gone.left.href, `${post_logout_redirect_uri}?state=bye`)
  assert.equal((await browser.open(again)).left.searchParams.get('error'), 'login_required')
})
