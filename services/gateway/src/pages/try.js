'use strict'
// Without this script a form leads to its answer. With it, whoever gives a token sees the answer below the form; the
// token stays in this page.
const token = document.getElementById('token')
token.parentElement.hidden = false
document.addEventListener('submit', async (event) => {
  if (!token.value) return
  event.preventDefault()
  const form = event.target
  const shown = form.querySelector('output')
  shown.textContent = '…'
  try {
    const query = new URLSearchParams(new FormData(form))
    const headers = { authorization: `Bearer ${token.value.trim()}` }
    const answer = await fetch(`${form.action}?${query}`, { headers, credentials: 'omit' })
    shown.textContent = `${answer.status} ${answer.statusText}\n${await answer.text()}`
  } catch (error) {
    shown.textContent = String(error)
  }
})
