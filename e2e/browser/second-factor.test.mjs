// Two-step sign-in by keyboard alone, on a small screen, without JavaScript: turned on, asked for, turned off by a
// recovery code. A code counts once: turning on takes the one of now, signing in the next, which is accepted already.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { code, shown } from './authenticator.mjs'
import { launch, Window } from './chromium.mjs'
import { press, write } from './keyboard.mjs'
import { button, somebody } from './platform.mjs'

const PAGE = '/identity/account/second-factor'
let browser
before(async () => (browser = await launch()))
after(() => browser.close())

for (const language of ['tr', 'en']) {
  test(`${language}: a second factor is turned on, asked for and turned off`, async () => {
    const person = await somebody()
    const window = await Window.open(browser, { width: 320, language })
    const { page } = window
    const fits = async () => assert.ok((await window.overflow()) <= 0, `${page.url()} is wider than the screen`)
    const password = async (there) => {
      await window.go('/identity/sign-in?continue=/identity/account')
      await write(page, '#email', person.email)
      await write(page, '#password', person.password)
      await press(page, button('/identity/sign-in'))
      assert.equal(window.path(), there)
      await fits()
    }

    await password('/identity/account')
    await press(page, `a[href="${PAGE}"]`)
    await write(page, '#set-up_current_password', person.password)
    await press(page, button(`${PAGE}/set-up`))
    await fits()
    assert.equal(await page.locator('svg.qr[role=img]').count(), 1)
    const [key, address] = await shown(page)
    assert.equal(new URL(address).searchParams.get('secret'), key.replaceAll(' ', ''))
    await write(page, '#code', code(key))
    await press(page, button(`${PAGE}/confirm`))
    await fits()
    const recovery = await shown(page)
    assert.equal(new Set(recovery).size, 10)
    await press(page, `main a[href="${PAGE}"]`)
    await window.go('/identity/logout')
    await press(page, button('/identity/logout'))

    // Letters are no code; the next step's is. Nobody is signed in before it was given.
    await password('/identity/sign-in/code')
    await write(page, '#code', 'abcdef')
    await press(page, button('/identity/sign-in/code'))
    assert.equal(await page.locator('#code').getAttribute('aria-invalid'), 'true')
    await fits()
    await write(page, '#code', code(key, 1))
    await press(page, button('/identity/sign-in/code'))
    assert.equal(window.path(), '/identity/account')

    await press(page, `a[href="${PAGE}"]`)
    await fits()
    await write(page, '#off_current_password', person.password)
    await write(page, '#off_code', recovery[0].toLowerCase())
    await press(page, button(`${PAGE}/off`))
    assert.equal(window.path(), '/identity/account')
    assert.equal(await page.locator('[role=status]').count(), 1)
    await window.go('/identity/logout')
    await press(page, button('/identity/logout'))
    await password('/identity/account')
    assert.deepEqual(window.complaintsBut(422), [])
    await window.close()
  })
}
