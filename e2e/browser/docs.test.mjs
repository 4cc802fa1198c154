// The page that describes all APIs, tried as a reader tries it: with and without JavaScript.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launch, Window } from './chromium.mjs'

let browser
before(async () => (browser = await launch()))
after(() => browser.close())

const COURSES = 'form:has([value="/services/catalog/v1/courses"])'

/** Opens the page with the form for the list of courses unfolded. */
async function open(look) {
  const window = await Window.open(browser, { width: 1280, language: 'en', ...look })
  const answer = await window.go('/docs')
  assert.equal(answer.status(), 200)
  await window.page.click('summary:has-text("GET /services/catalog/v1/courses") >> nth=0')
  return window
}

for (const javaScript of [false, true]) {
  test(`a form leads to its answer, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
    const window = await open({ javaScript })
    await window.page.fill(`${COURSES} [name="query.limit"]`, '1')
    const [answer] = await Promise.all([
      window.page.waitForNavigation(),
      window.page.click(`${COURSES} button`),
    ])
    assert.equal(answer.status(), 200)
    assert.equal(new URL(window.page.url()).search, '?limit=1')
    assert.equal(window.path(), '/services/catalog/v1/courses')
    assert.deepEqual(window.complaints, [])
    await window.close()
  })
}

test('a token goes along, and the answer appears below the form', async () => {
  const window = await open({ javaScript: true })
  await window.page.fill('#token', 'no.such.token')
  await window.page.click(`${COURSES} button`)
  const output = window.page.locator(`${COURSES} output`)
  await output.filter({ hasText: 'unauthenticated' }).waitFor()
  assert.match(await output.textContent(), /^401/)
  assert.equal(window.path(), '/docs')
  assert.deepEqual(window.complaintsBut(401), [])
  await window.close()
})

for (const scheme of ['light', 'dark']) {
  test(`the page fits a small screen and can be read by everybody, ${scheme}`, async () => {
    const window = await open({ javaScript: true, width: 320, scheme })
    await window.page.evaluate(() => document.querySelectorAll('details').forEach((it) => (it.open = true)))
    assert.equal(await window.overflow(), 0)
    assert.deepEqual(await window.violations(), [])
    assert.deepEqual(window.complaints, [])
    await window.close()
  })
}
