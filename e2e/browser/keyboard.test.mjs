// One person's way through identity by keyboard alone, on a small screen, without JavaScript: signing up, signing
// in with the wrong and the right password, into a client, the account, and out again.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { launch, Window } from './chromium.mjs'
import { press, reach, stops, write } from './keyboard.mjs'
import { base, button, callback, question, somebody } from './platform.mjs'

const WIDTH = 320
let browser
before(async () => (browser = await launch()))
after(() => browser.close())

for (const [language, words] of Object.entries({
  tr: { refused: 'E-posta ya da parola yanlış', saved: 'Kaydedildi.', out: 'Oturumun kapatıldı' },
  en: { refused: 'The e-mail or the password is wrong', saved: 'Saved.', out: 'You are signed out' },
})) {
  test(`${language}: signing up, the account and signing out`, async () => {
    const window = await Window.open(browser, { width: WIDTH, language })
    const { page } = window
    const email = `${randomUUID()}@browser.example`
    await window.go('/identity/sign-up?continue=/identity/account')
    assert.equal(await page.locator('html').getAttribute('lang'), language)

    // Too short, so the page comes back with what was typed and says what is wrong.
    await write(page, '#name', 'Işıl Çağlar')
    await write(page, '#email', email)
    await write(page, '#city', 'Iğdır')
    await write(page, '#new_password', 'short')
    await press(page, button('/identity/sign-up'))
    assert.equal(await page.locator('#new_password').getAttribute('aria-invalid'), 'true')
    assert.equal(await page.locator('#name').inputValue(), 'Işıl Çağlar')
    // The summary's link leads to the field.
    await reach(page, '[role=alert] a')
    await page.keyboard.press('Enter')
    assert.equal(await page.evaluate(() => document.activeElement.id), 'new_password')
    await page.keyboard.type(`correct horse ${randomUUID()}`)
    await press(page, button('/identity/sign-up'))

    assert.equal(window.path(), '/identity/account')
    assert.ok((await page.locator('main').innerText()).includes(email))
    await write(page, '#city', 'Şırnak')
    await press(page, button('/identity/account'))
    assert.ok((await page.locator('[role=status]').innerText()).includes(words.saved))
    assert.equal(await page.locator('#city').inputValue(), 'Şırnak')

    await press(page, '.sessions button')
    assert.equal(window.path(), '/')
    await window.go('/identity/account')
    assert.equal(window.path(), '/identity/sign-in', 'nobody is signed in')
    assert.deepEqual(window.complaintsBut(422), [])
    await window.close()
  })

  test(`${language}: signing in for a client, with the wrong and then the right password`, async () => {
    const person = await somebody()
    const window = await Window.open(browser, { width: WIDTH, language })
    const { page } = window
    await window.go(question('first'))
    assert.equal(window.path(), '/identity/sign-in')
    assert.equal(await page.locator('html').getAttribute('lang'), language)
    assert.ok((await window.overflow()) <= 0)

    await write(page, '#email', person.email)
    await write(page, '#password', `${person.password}!`)
    await press(page, button('/identity/sign-in'))
    assert.ok((await page.locator('[role=alert]').innerText()).includes(words.refused))
    assert.equal(await page.locator('#password').inputValue(), '')
    assert.ok((await window.overflow()) <= 0)
    assert.deepEqual(window.calls, [])

    // Enter in a field sends the form too.
    await write(page, '#password', person.password)
    await Promise.all([page.waitForURL(`${callback}*`), page.keyboard.press('Enter')])
    assert.equal(window.calls.length, 1)
    const [answer] = window.calls
    assert.ok(answer.searchParams.get('code'), answer.href)
    assert.equal(answer.searchParams.get('state'), 'first')
    assert.equal(answer.searchParams.get('iss'), `${base}/identity`)

    // The next client asks nothing, unless it wants to.
    await window.go(question('second'))
    assert.equal(window.calls[1].searchParams.get('state'), 'second')
    assert.ok(window.calls[1].searchParams.get('code'))
    for (const [decision, parameter] of [['deny', 'error'], ['allow', 'code']]) {
      await window.go(question(decision, { prompt: 'consent' }))
      assert.ok((await window.overflow()) <= 0)
      await press(page, `button[value=${decision}]`)
      const decided = window.calls.at(-1)
      assert.equal(decided.searchParams.get('state'), decision)
      assert.ok(decided.searchParams.has(parameter), decided.href)
    }

    await window.go('/identity/logout')
    await press(page, button('/identity/logout'))
    assert.equal(await page.locator('h1').innerText(), words.out)
    await window.go('/identity/account')
    assert.equal(window.path(), '/identity/sign-in', 'nobody is signed in')
    assert.deepEqual(window.complaintsBut(422), [])
    await window.close()
  })

  test(`${language}: a forgotten password, and the other language`, async () => {
    const { email } = await somebody()
    const window = await Window.open(browser, { width: WIDTH, language })
    const { page } = window
    await window.go('/identity/sign-in')
    await press(page, 'a[href="/identity/forgotten"]')
    await write(page, '#email', email)
    await press(page, button('/identity/forgotten'))
    assert.equal(window.path(), '/identity/done/mail-sent')

    const other = language === 'tr' ? 'en' : 'tr'
    await press(page, `button[value=${other}]`)
    assert.equal(window.path(), '/identity/done/mail-sent')
    assert.equal(await page.locator('html').getAttribute('lang'), other)
    assert.deepEqual(window.complaints, [])
    await window.close()
  })
}

for (const javaScript of [false, true]) {
  const how = javaScript ? 'by itself' : 'by a button where there is no JavaScript'
  test(`a response in a form goes to the client ${how}`, async () => {
    const person = await somebody()
    const window = await Window.open(browser, { width: WIDTH, language: 'en', javaScript })
    const { page } = window
    await window.go(question('posted', { response_mode: 'form_post' }))
    await write(page, '#email', person.email)
    await write(page, '#password', person.password)
    const there = page.waitForURL(`${callback}*`)
    await press(page, button('/identity/sign-in'))
    if (!javaScript) await press(page, '#on button')
    await there
    const [answer] = window.forms
    assert.equal(window.forms.length, 1)
    assert.equal(answer.get('state'), 'posted')
    assert.equal(answer.get('iss'), `${base}/identity`)
    assert.ok(answer.get('code') && !window.calls[0].search, window.calls[0].href)
    assert.deepEqual(window.complaints, [])
    await window.close()
  })
}

for (const scheme of ['light', 'dark']) {
  test(`${scheme}: Tab comes to everything, in the order of the page, and away from it`, async () => {
    const person = await somebody()
    const window = await Window.open(browser, { width: WIDTH, scheme, language: 'en' })
    const { page } = window
    await window.go('/identity/sign-in?continue=/identity/account')
    await write(page, '#email', person.email)
    await write(page, '#password', person.password)
    await press(page, button('/identity/sign-in'))
    for (const path of ['/identity/account', '/identity/account/delete', '/identity/sign-in', '/identity/sign-up']) {
      await window.go(path)
      const controls = await page.locator('a[href], button, input:not([type=hidden])').count()
      const seen = await stops(page)
      assert.deepEqual(seen.map((stop) => stop.place), [...Array(controls).keys()], path)
      for (const stop of seen) {
        assert.ok(stop.inside && stop.outline >= 2 && stop.contrast >= 3, `${path}: ${JSON.stringify(stop)}`)
      }
    }
    // The first stop leads past the header.
    await window.go('/identity/sign-in')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => document.activeElement.id), 'email')
    assert.deepEqual(window.complaints, [])
    await window.close()
  })
}
