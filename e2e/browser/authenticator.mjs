// What a person's phone does: it shows a code of six digits, every 30 seconds another one (RFC 6238).
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The code of the secret in `key` (base32, in groups or not), so many steps from now: one either way is accepted. */
export function code(key, steps = 0) {
  const bits = [...key.replaceAll(' ', '')].map((it) => ALPHABET.indexOf(it).toString(2).padStart(5, '0')).join('')
  const bytes = bits.match(/.{8}/g).map((it) => Number.parseInt(it, 2))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const tag = createHmac('sha1', Buffer.from(bytes)).update(counter).digest()
  const number = tag.readUInt32BE(tag[19] & 0xf) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}

/** What a page shows as code: a key and its address, or recovery codes. */
export async function shown(page) {
  const codes = await page.locator('main code').allInnerTexts()
  assert.ok(codes.length > 0, `${page.url()} shows no code`)
  return codes
}
