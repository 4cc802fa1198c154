// Every page that identity shows, and the shop's first: on a small and a large screen, light and dark, in both
// languages. Nothing is wider than the screen, axe finds nothing, and the browser complains about nothing. With
// SCREENSHOTS, pictures of all of them go into that folder.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { code, shown } from './authenticator.mjs'
import { launch, Window } from './chromium.mjs'
import { button, callback, question, somebody } from './platform.mjs'

let browser
before(async () => (browser = await launch()))
after(() => browser.close())

const show = (path) => (window) => window.go(path)
const send = (path, fields, action) => async (window) => {
  await window.go(path)
  await fill(window, fields, action)
}
/** Fills in a form of the page that is shown, and sends it. */
async function fill(window, fields, action) {
  for (const [field, value] of Object.entries(fields)) await window.page.fill(`#${field}`, value)
  const loaded = window.page.waitForEvent('load')
  await window.page.click(button(action))
  await loaded
}

const SECOND_FACTOR = '/identity/account/second-factor'
const CONSENT = question('looks', { prompt: 'consent', scope: 'openid email profile offline_access order.read' })
const STRANGER = {
  shop: show('/'),
  'sign-in': show('/identity/sign-in'),
  'sign-in-missing': send('/identity/sign-in', {}, '/identity/sign-in'),
  'sign-up': show('/identity/sign-up'),
  'sign-up-words': send(
    '/identity/sign-up',
    { name: 'Ayşe Yılmaz', email: 'ayse@browser.example', new_password: 'ayse-yilmaz-1' },
    '/identity/sign-up',
  ),
  'sign-up-wrong': send('/identity/sign-up', { email: 'x', new_password: 'x' }, '/identity/sign-up'),
  forgotten: show('/identity/forgotten'),
  'forgotten-wrong': send('/identity/forgotten', { email: 'x' }, '/identity/forgotten'),
  'signed-up': show('/identity/done/signed-up'),
  'mail-sent': show('/identity/done/mail-sent'),
  'password-set': show('/identity/done/password-set'),
  verified: show('/identity/done/verified'),
  'email-changed': show('/identity/done/email-changed'),
  deleted: show('/identity/done/deleted'),
  'link-spent': show('/identity/reset?token=spent'),
  'not-found': show('/identity/nothing'),
  'unknown-client': show('/identity/authorize?client_id=nobody'),
  'signed-out': show('/identity/logout'),
}

const SIGNED_IN = {
  // From a browser that is known for the account: what fails there makes nobody else wait.
  'sign-in-refused': (window, { email }) =>
    send('/identity/sign-in', { email, password: 'x' }, '/identity/sign-in')(window),
  account: show('/identity/account'),
  'account-saved': send('/identity/account', { city: 'Iğdır' }, '/identity/account'),
  'account-wrong': send('/identity/account', { new_password: 'x' }, '/identity/account/password'),
  'second-factor-off': show(SECOND_FACTOR),
  'second-factor-set-up': (window, { password }) =>
    send(SECOND_FACTOR, { 'set-up_current_password': password }, `${SECOND_FACTOR}/set-up`)(window),
  'second-factor-set-up-wrong': async (window, person) => {
    person.key = (await shown(window.page))[0]
    await fill(window, { code: 'x' }, `${SECOND_FACTOR}/confirm`)
  },
  'recovery-codes': async (window, { key }) => fill(window, { code: code(key) }, `${SECOND_FACTOR}/confirm`),
  'second-factor-on': show(SECOND_FACTOR),
  'second-factor-wrong': send(SECOND_FACTOR, { off_current_password: 'x', off_code: 'x' }, `${SECOND_FACTOR}/off`),
  'sign-in-code': (window, { email, password }) =>
    send('/identity/sign-in', { email, password }, '/identity/sign-in')(window),
  'sign-in-code-wrong': (window) => fill(window, { code: 'x' }, '/identity/sign-in/code'),
  'sign-in-recovery-code': show('/identity/sign-in/code?with=recovery-code'),
  delete: show('/identity/account/delete'),
  'delete-wrong': send('/identity/account/delete', { current_password: 'x' }, '/identity/account/delete'),
  // As often as it costs no wait, and once more.
  'delete-blocked': async (window) => {
    const wrong = send('/identity/account/delete', { current_password: 'x' }, '/identity/account/delete')
    for (let attempt = 0; attempt < 6; attempt += 1) await wrong(window)
  },
  consent: show(CONSENT),
  'account-applications': async (window) => {
    await window.go(CONSENT)
    await Promise.all([window.page.waitForURL(`${callback}*`), window.page.click('button[value=allow]')])
    await window.go('/identity/account')
  },
  'account-withdrawn': send('/identity/account', {}, '/identity/account/applications'),
  'sign-out': show('/identity/logout'),
}

/** Opens every page in turn and hands each to `check`, with its name. */
async function everyPage(window, check) {
  const person = await somebody()
  for (const [name, open] of Object.entries(STRANGER)) {
    await open(window)
    await check(name)
  }
  await send('/identity/sign-in?continue=/identity/account', person, '/identity/sign-in')(window)
  assert.equal(window.path(), '/identity/account', await window.page.locator('main').innerText())
  for (const [name, open] of Object.entries(SIGNED_IN)) {
    await open(window, person)
    await check(name)
  }
}

const LOOKS = ['tr', 'en'].flatMap((language) =>
  ['light', 'dark'].flatMap((scheme) => [320, 768, 1280].map((width) => ({ language, scheme, width }))),
)
// Every width, scheme and language, and with EVERY_LOOK every combination of them, which takes three minutes.
const wanted = ({ language, scheme }) => process.env.EVERY_LOOK || (language === 'tr') === (scheme === 'light')
for (const look of LOOKS.filter(wanted)) {
  const { language, scheme, width } = look
  test(`${language}, ${scheme}, ${width} px: every page fits, and nothing is wrong with it`, async () => {
    const window = await Window.open(browser, { ...look, javaScript: true })
    const wrong = []
    await everyPage(window, async (name) => {
      assert.equal(await window.page.locator('html').getAttribute('lang'), language, name)
      const overflow = await window.overflow()
      if (overflow > 0) wrong.push(`${name}: ${overflow} px wider than the screen`)
      wrong.push(...(await window.violations()).map((violation) => `${name}: ${violation}`))
      await picture(window, `${name}-${language}-${scheme}-${width}`)
    })
    // Refused forms and pages that are not there say so by their codes.
    assert.deepEqual([...wrong, ...window.complaintsBut(400, 404, 422, 429)], [])
    await window.close()
  })
}

for (const language of ['tr', 'en']) {
  test(`${language}: nothing is lost with letters twice as large, nor with the spacing of WCAG 1.4.12`, async () => {
    const larger = 'html { font-size: 200% !important }'
    const wider = `* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
      p { margin-block-end: 2em !important }`
    const wrong = []
    for (const [width, style] of [[640, larger], [320, wider]]) {
      const window = await Window.open(browser, { width, language, javaScript: true })
      await everyPage(window, async (name) => {
        await window.restyle(style)
        const overflow = await window.overflow()
        if (overflow > 0) wrong.push(`${name}, ${width} px: ${overflow} px wider than the screen`)
        wrong.push(...(await window.cut()).map((what) => `${name}, ${width} px: ${what} is cut off`))
        await picture(window, `${name}-${language}-${style === larger ? 'larger' : 'wider'}-${width}`)
      })
      await window.close()
    }
    assert.deepEqual(wrong, [])
  })
}

for (const scheme of ['light', 'dark']) {
  test(`${scheme}: the page whose form goes to a client fits where no script sends it on`, async () => {
    const window = await Window.open(browser, { width: 320, scheme, language: 'tr' })
    await send('/identity/sign-in?continue=/identity/account', await somebody(), '/identity/sign-in')(window)
    await window.go(question('looks', { response_mode: 'form_post' }))
    assert.ok((await window.overflow()) <= 0)
    await picture(window, `hand-over-tr-${scheme}-320`)
    assert.deepEqual(window.complaints, [])
    await window.close()
  })
}

async function picture(window, name) {
  const folder = process.env.SCREENSHOTS
  if (!folder) return
  await mkdir(folder, { recursive: true })
  await window.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
