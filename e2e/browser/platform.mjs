// The platform from outside: where it is, people with an account, and the questions of a client.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

export const base = process.env.BASE_URL.replace(/\/$/, '')
/** Where client `journeys` has its codes sent. Nobody listens there: the window itself answers. */
export const callback = 'http://127.0.0.1:9/callback'

/** Somebody new, with an account. */
export async function somebody() {
  const person = { email: `${randomUUID()}@browser.example`, password: `correct horse ${randomUUID()}` }
  const answer = await fetch(`${base}/identity/v1/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...person, name: 'Ayşe Yılmaz', city: 'İzmir' }),
  })
  assert.equal(answer.status, 201, await answer.text())
  return person
}

/** The path by which client `journeys` asks for a code. */
export const question = (state, more = {}) =>
  `/identity/authorize?${new URLSearchParams({
    response_type: 'code',
    client_id: 'journeys',
    redirect_uri: callback,
    scope: 'openid email profile',
    state,
    // Of RFC 7636, appendix B.
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    ...more,
  })}`

/** The button of the form that is sent there, wherever that goes on to. */
export const button = (action) => `form:is([action="${action}"], [action^="${action}?"]) button:not([name])`
