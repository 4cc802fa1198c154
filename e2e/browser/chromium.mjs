// Debian's Chromium with one window, and everything that it complains about: a page of ours gives it no reason to.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { base, callback } from './platform.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** A browser that asks nothing of the network but the platform. */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
      '--disable-quic',
    ],
  })

export class Window {
  /** What the console, the network and the content security policy said, but for refusals that were `expected`. */
  complaints = []
  /** The addresses at `callback` that the browser was sent to. */
  calls = []
  /** The forms that it sent there. */
  forms = []

  /** `look` is width, height, scheme, language and whether there is JavaScript. */
  static async open(browser, look) {
    const window = new Window()
    const { width, height = 640, scheme = 'light', language, javaScript = false } = look
    window.context = await browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      locale: language,
      javaScriptEnabled: javaScript,
    })
    window.page = await window.context.newPage()
    window.page.on('console', (message) => {
      if (message.type() === 'error') window.complaints.push(`${message.location().url}: ${message.text()}`)
    })
    window.page.on('pageerror', (error) => window.complaints.push(`${window.page.url()}: ${error.message}`))
    if (javaScript) {
      await window.page.exposeFunction('complain', (text) => window.complaints.push(text))
      await window.page.addInitScript(() =>
        document.addEventListener('securitypolicyviolation', (event) =>
          globalThis.complain(`${event.documentURI}: ${event.violatedDirective} ${event.blockedURI}`),
        ),
      )
    }
    await window.#answerCalls()
    return window
  }

  // Not `page.route`, which does not see where a redirect leads.
  async #answerCalls() {
    const devtools = await this.context.newCDPSession(this.page)
    devtools.on('Fetch.requestPaused', async ({ requestId, request }) => {
      this.calls.push(new URL(request.url))
      if (request.postData) this.forms.push(new URLSearchParams(request.postData))
      const page = '<!doctype html><html lang="en"><title>The client</title><link rel="icon" href="data:,">'
      const body = Buffer.from(page).toString('base64')
      const responseHeaders = [{ name: 'content-type', value: 'text/html' }]
      await devtools.send('Fetch.fulfillRequest', { requestId, responseCode: 200, responseHeaders, body })
    })
    await devtools.send('Fetch.enable', { patterns: [{ urlPattern: `${callback}*` }] })
  }

  async go(path) {
    return this.page.goto(new URL(path, base).href)
  }

  path() {
    return new URL(this.page.url()).pathname
  }

  /** Complaints but those about answers with these codes: a refused form is an answer, and the console tells it. */
  complaintsBut(...codes) {
    return this.complaints.filter((it) => !codes.some((code) => it.includes(`responded with a status of ${code}`)))
  }

  /** By how many CSS pixels the page is wider than the screen. */
  overflow() {
    return this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement
      return scrollWidth - clientWidth
    })
  }

  /** Lays a style sheet over the page's own, as a person's browser may. */
  restyle(style) {
    return this.page.evaluate((text) => {
      const sheet = new CSSStyleSheet()
      sheet.replaceSync(text)
      document.adoptedStyleSheets = [sheet]
    }, style)
  }

  /** The controls and blocks whose text is larger than they are, and cut off where they end. */
  cut() {
    return this.page.evaluate(() => {
      const small = (it) => it.scrollWidth > it.clientWidth + 1 || it.scrollHeight > it.clientHeight + 1
      const cuts = (it) => it.localName === 'button' || getComputedStyle(it).overflow !== 'visible'
      // Words for screen readers alone have one pixel, as they should.
      const seen = (it) => it.clientWidth > 1 && !it.matches('input, svg, svg *')
      const found = [...document.body.querySelectorAll('*')].filter((it) => seen(it) && cuts(it) && small(it))
      return found.map((it) => `${it.localName} “${it.textContent.trim()}”`)
    })
  }

  /** What axe finds wrong by WCAG 2.2 AA and its own best practices. Needs JavaScript. */
  async violations() {
    await this.page.evaluate(axe)
    return this.page.evaluate(async () => {
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
      const { violations } = await globalThis.axe.run(document, {
        runOnly: { type: 'tag', values: tags },
        resultTypes: ['violations'],
      })
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id} at ${target}: ${failureSummary}`),
      )
    })
  }

  close() {
    return this.context.close()
  }
}
