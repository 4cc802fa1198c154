// As much of a browser as signing in takes: cookies, redirects and one form.

export class Browser {
  #cookies = new Map()

  // Follows redirects as long as they stay on the host; gives the page, or the address that leaves it.
  async open(url, options = {}) {
    let next = new URL(url)
    const { origin } = next
    for (let hops = 0; hops < 10; hops += 1) {
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const headers = { accept: 'text/html', 'accept-language': 'en', ...options.headers, ...(cookie && { cookie }) }
      const answer = await fetch(next, { ...options, headers, redirect: 'manual' })
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
        this.#cookies.set(name, value)
      }
      const location = answer.headers.get('location')
      if (!location) return { url: next, status: answer.status, text: await answer.text() }
      next = new URL(location, next)
      if (next.origin !== origin) return { left: next }
      options = {}
    }
    throw new Error(`redirects have no end: ${next}`)
  }

  // Sends the form whose action is `action`, its hidden fields as they came.
  async submit(page, action, fields) {
    const form = page.text.split('<form').find((part) => part.includes(`action="${action}`))
    if (!form) throw new Error(`${page.url} has no form for ${action}: ${page.text}`)
    const body = new URLSearchParams()
    for (const [tag] of form.split('</form>')[0].matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
      const attribute = (name) => plain(new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? '')
      body.set(attribute('name'), attribute('value'))
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value)
    const [, address] = / action="([^"]*)"/.exec(form)
    const target = new URL(plain(address), page.url)
    return this.open(target, { method: 'POST', body, headers: { origin: target.origin } })
  }
}

const plain = (text) =>
  text.replace(/&#x?[0-9a-f]+;|&(amp|lt|gt|quot);/gi, (reference) => {
    const named = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"' }[reference]
    if (named) return named
    const hexadecimal = reference[2] === 'x'
    return String.fromCodePoint(Number.parseInt(reference.slice(hexadecimal ? 3 : 2, -1), hexadecimal ? 16 : 10))
  })
