// A person who has nothing but a keyboard: Tab, letters, Enter. Every place where Tab stops must be seen to be one.
import assert from 'node:assert/strict'

/** Presses Tab until the control that the selector names has the focus; it must come before the page's end. */
export async function reach(page, selector) {
  assert.equal(await page.locator(selector).count(), 1, `${page.url()} has one ${selector}`)
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(look, selector)
    if (!stop) continue // between the page's end and its beginning
    assert.ok(stop.inside, `${page.url()}: ${stop.name} is outside the screen`)
    assert.ok(stop.outline >= 2, `${page.url()}: ${stop.name} has an outline of ${stop.outline} px`)
    // WCAG 1.4.11 and 2.4.13: three to one.
    assert.ok(stop.contrast >= 3, `${page.url()}: the outline of ${stop.name} has a contrast of ${stop.contrast}`)
    if (stop.found) return
  }
  assert.fail(`${page.url()}: Tab never comes to ${selector}`)
}

export async function write(page, selector, text) {
  await reach(page, selector)
  // As browsers do on Tab: what is there is selected, and typing replaces it.
  await page.keyboard.type(text)
}

/** Presses Enter on a control, and waits for the page that this leads to. */
export async function press(page, selector) {
  await reach(page, selector)
  await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
}

/** Where Tab stops from the beginning of a page to its end; `place` counts all controls in the page's order. */
export async function stops(page) {
  const seen = []
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(look, null)
    if (!stop) return seen
    seen.push(stop)
  }
  return assert.fail(`${page.url()}: Tab never leaves the page`)
}

// Runs in the page.
function look(selector) {
  const element = document.activeElement
  if (!element || element === document.body || element === document.documentElement) return null
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number)
  const light = (colour) => {
    const [red, green, blue] = numbers(colour)
      .slice(0, 3)
      .map((it) => it / 255)
      .map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  // The outline is drawn outside the control, so on what its ancestors are painted with.
  let behind = 'rgb(255, 255, 255)'
  for (let at = element.parentElement; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor
    if (numbers(colour)[3] !== 0) {
      behind = colour
      break
    }
  }
  const style = getComputedStyle(element)
  const [darker, lighter] = [light(style.outlineColor), light(behind)].sort((one, two) => one - two)
  const box = element.getBoundingClientRect()
  return {
    place: [...document.querySelectorAll('a[href], button, input:not([type=hidden])')].indexOf(element),
    name: `${element.localName} “${element.id || element.textContent.trim() || element.name}”`,
    found: selector !== null && element.matches(selector),
    inside: box.left >= 0 && box.right <= innerWidth && box.bottom > 0 && box.top < innerHeight,
    outline: style.outlineStyle === 'none' ? 0 : Number.parseFloat(style.outlineWidth),
    contrast: (lighter + 0.05) / (darker + 0.05),
  }
}
